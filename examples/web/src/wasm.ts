/** A TorchScript archive, as PyTorch saved it, runs on WebAssembly. */
import * as torch from 'sconce';
import { fetchDigits, say, show, start } from './digits.ts';

const ARCHIVE = new URL('../../digits/digits.pt', import.meta.url);

start(async () => {
  await torch.use('wasm');
  const [model, digits] = await Promise.all([torch.jit.load(ARCHIVE), fetchDigits('test-0')]);
  model.eval();

  const images = torch.tensor(digits.pixels).view([-1, 1, 28, 28]).slice(0, 0, 40);
  const began = performance.now();
  const logits = await model(images); //        a TorchScript call is always awaited
  const answers = await logits.argmax(1).data(); // BigInt64Array: argmax is int64, as in PyTorch
  say(`40 digits in ${(performance.now() - began).toFixed(0)} ms on ${torch.backend_name()}`);

  show(digits, answers);
});
