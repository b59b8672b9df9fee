/** The test digits that the net reads wrong, as pictures with what it said and what they are. */
import { byId, count, element } from '../page/dom.ts';
import { type Mnist, PIECE, PIXELS, SIDE } from './data.ts';

const SHOWN = 48;

const box = byId('mistakes');
const list = byId('mistake-list');
const more = byId('more-mistakes');

export function hideMistakes(): void {
  box.hidden = true;
  list.replaceChildren();
}

/** Shows where the answers to the first test images differ from the labels; returns how many do. */
export async function showMistakes(answers: Uint8Array, test: Mnist): Promise<number> {
  const wrong: { image: number; said: number; is: number; pixels: Uint8Array }[] = [];
  for (let image = 0; image < answers.length; image++) {
    const { labels, pixels } = await test.piece(Math.floor(image / PIECE));
    const at = image % PIECE;
    if (answers[image] !== labels[at])
      wrong.push({
        image,
        said: answers[image],
        is: labels[at],
        pixels: pixels.subarray(at * PIXELS, (at + 1) * PIXELS),
      });
  }
  byId('mistakes-title').textContent =
    `${count(wrong.length)} of ${count(answers.length)} test digits misclassified`;
  list.replaceChildren();
  const show = (): void => {
    const from = list.childElementCount;
    for (const { image, said, is, pixels } of wrong.slice(from, from + SHOWN)) {
      const picture = pictureOf(pixels);
      picture.role = 'img';
      picture.ariaLabel = `Test image ${image}`;
      const item = element('li', {}, picture, `says ${said}, is ${is}`);
      Object.assign(item.dataset, { predicted: said, label: is });
      list.append(item);
    }
    more.hidden = list.childElementCount >= wrong.length;
  };
  more.onclick = show;
  show();
  box.hidden = false;
  return wrong.length;
}

function pictureOf(pixels: Uint8Array): HTMLCanvasElement {
  const canvas = element('canvas', { width: SIDE, height: SIDE });
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < PIXELS; i++) {
    image.data.fill(pixels[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
