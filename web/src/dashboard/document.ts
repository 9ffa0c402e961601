import { readConfig, type RawConfig } from '../panels/config';
import { kindOf } from '../panels/kinds';
import { PLAIN_CONFIG, type Layouts, type Position, type Widget } from '../panels/widget';

/** A widget as a dashboard document holds it; everything beyond the contract is optional. */
export interface RawWidget {
  id: string;
  type: string;
  title?: string | null;
  position: Position;
  layouts?: Layouts | null;
  config: RawConfig;
}

function unknownKind({ type, config }: RawWidget): string {
  return type === 'chart' ? `chart: ${String(config.chart)}` : type;
}

/** Reads the widgets of a document; one of a kind that this page cannot show says so in its place. */
export function readWidgets(raw: readonly RawWidget[]): Widget[] {
  return raw.map((widget) => {
    const { id, position, layouts = null, config } = widget;
    const title = widget.title ?? '';
    const kind = kindOf(widget.type, config);
    const known = { id, title, position, layouts };
    if (kind) return { ...known, type: kind.type, config: readConfig(config, kind.type, title) };
    return { ...known, type: 'unknown', config: PLAIN_CONFIG, unknown: unknownKind(widget) };
  });
}
