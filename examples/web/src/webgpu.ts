/** The same archive on WebGPU: one word differs. Nothing falls back in silence: without a GPU the page says so. */
import * as torch from 'sconce';
import { fetchDigits, say, show, start } from './digits.ts';

const ARCHIVE = new URL('../../digits/digits.pt', import.meta.url);

start(async () => {
  await torch.use('webgpu'); //                 or torch.use('webgpu', 'wasm'): the first that this browser has
  const [model, digits] = await Promise.all([torch.jit.load(ARCHIVE), fetchDigits('test-0')]);
  model.eval();

  const images = torch.tensor(digits.pixels).view([-1, 1, 28, 28]).slice(0, 0, 40);
  const began = performance.now();
  const logits = await model(images);
  const answers = await logits.argmax(1).data(); // the only wait: until here the GPU was only given work
  say(`40 digits in ${(performance.now() - began).toFixed(0)} ms on ${torch.backend_name()}`);

  show(digits, answers);
});
