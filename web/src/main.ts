import './ui/tokens.css';
import './ui/base.css';

import { Opening } from './features/opening';
import FormatsWorker from './series/formats.worker?worker';
import { keptLocale, speak } from './series/locale';

const target = document.getElementById('app');
if (!target) throw new Error('The page has no #app element.');

const opening = new Opening(location);
new FormatsWorker();
void Promise.all([import('./page'), opening.begun]).then(([{ show }]) => {
  speak(keptLocale());
  show(target, opening);
});
