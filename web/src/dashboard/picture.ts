/** What a widget looks like, as a picture: its texts, lines and areas painted once more. */

const INLINED = ['fill', 'stroke', 'stroke-width', 'opacity', 'fill-opacity', 'stroke-linecap'];
const SHARPEST = 2;

interface Painter {
  context: CanvasRenderingContext2D;
  origin: DOMRect;
}

function paintBox(
  { context, origin }: Painter,
  element: Element,
  style: CSSStyleDeclaration,
): void {
  const box = element.getBoundingClientRect();
  context.fillStyle = style.backgroundColor;
  context.beginPath();
  const radius = parseFloat(style.borderTopLeftRadius) || 0;
  context.roundRect(box.x - origin.x, box.y - origin.y, box.width, box.height, radius);
  context.fill();
}

/** Word by word, so that lines break where they do on the page. */
function paintText({ context, origin }: Painter, text: Text, style: CSSStyleDeclaration): void {
  context.fillStyle = style.color;
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.textBaseline = 'middle';
  const range = document.createRange();
  for (const { index, 0: word } of text.data.matchAll(/\S+/g)) {
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    const box = range.getBoundingClientRect();
    context.fillText(word, box.x - origin.x, box.y - origin.y + box.height / 2);
  }
}

function inlined(drawing: SVGSVGElement): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const originals = [drawing, ...drawing.querySelectorAll('*')];
  [copy, ...copy.querySelectorAll('*')].forEach((element, i) => {
    const style = getComputedStyle(originals[i] as Element);
    for (const name of INLINED) element.setAttribute(name, style.getPropertyValue(name));
  });
  const { width, height } = drawing.getBoundingClientRect();
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(copy.outerHTML)}`;
}

async function paintDrawing(painter: Painter, drawing: SVGSVGElement): Promise<void> {
  const box = drawing.getBoundingClientRect();
  if (box.width === 0 || box.height === 0) return;
  const image = new Image();
  image.src = inlined(drawing);
  await image.decode();
  const { context, origin } = painter;
  context.drawImage(image, box.x - origin.x, box.y - origin.y, box.width, box.height);
}

function paintCanvas({ context, origin }: Painter, canvas: HTMLCanvasElement): void {
  const box = canvas.getBoundingClientRect();
  if (canvas.width === 0 || canvas.height === 0) return;
  context.drawImage(canvas, box.x - origin.x, box.y - origin.y, box.width, box.height);
}

async function paintChildren(
  painter: Painter,
  element: Element,
  style: CSSStyleDeclaration,
): Promise<void> {
  const { context, origin } = painter;
  context.save();
  if (style.overflow !== 'visible') {
    const box = element.getBoundingClientRect();
    context.beginPath();
    context.rect(box.x - origin.x, box.y - origin.y, box.width, box.height);
    context.clip();
  }
  for (const child of element.childNodes) {
    if (child instanceof Text) paintText(painter, child, style);
    else if (child instanceof Element) await paint(painter, child);
  }
  context.restore();
}

function isSeen(element: Element, style: CSSStyleDeclaration): boolean {
  if (style.display === 'none' || style.visibility === 'hidden') return false;
  if (style.clipPath !== 'none' || Number(style.opacity) === 0) return false;
  return !element.hasAttribute('data-unpictured');
}

async function paint(painter: Painter, element: Element): Promise<void> {
  const style = getComputedStyle(element);
  if (!isSeen(element, style)) return;
  if (element instanceof SVGSVGElement) return paintDrawing(painter, element);
  paintBox(painter, element, style);
  if (element instanceof HTMLCanvasElement) paintCanvas(painter, element);
  else await paintChildren(painter, element, style);
}

/**
 * A widget as a PNG, as it looks now.
 *
 * @throws {Error} The browser could not make one.
 */
export async function pictureOf(widget: Element): Promise<Blob> {
  const origin = widget.getBoundingClientRect();
  const canvas = document.createElement('canvas');
  const scale = Math.max(SHARPEST, window.devicePixelRatio);
  canvas.width = Math.ceil(origin.width * scale);
  canvas.height = Math.ceil(origin.height * scale);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('The browser cannot draw now.');
  context.scale(scale, scale);
  await paint({ context, origin }, widget);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob) resolve(blob);
      else reject(new Error('The browser could not make the picture.'));
    }, 'image/png');
  });
}
