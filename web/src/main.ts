import './ui/tokens.css';
import './ui/base.css';

import { Opening } from './features/opening';
import { keptLocale, speak } from './series/locale';

const target = document.getElementById('app');
if (!target) throw new Error('The page has no #app element.');

const opening = new Opening(location);
void Promise.all([import('./page'), opening.begun]).then(([{ show }]) => {
  // The first formats of a browser take a while: the server is at work meanwhile.
  speak(keptLocale());
  show(target, opening);
});
