/** "Introduction to TorchScript", step by step, printing what the tutorial prints. */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as torch from 'sconce';
import { given, LinearCell, MyCell, MyDecisionGate, MyRNNLoop, PlainCell, WrapRNN } from './modules.ts';

const { jit } = torch;

/** One thing that the tutorial prints, and what it is called there. */
export type Print = (step: string, text: string) => void;

/** A tuple as Python prints it. */
const tuple = (items: unknown): string =>
  Array.isArray(items) ? `(${items.map(String).join(', ')})` : String(items);

export async function introduction(print: Print): Promise<void> {
  torch.manual_seed(191009);

  // Basics of PyTorch model authoring
  let x = torch.rand(3, 4);
  let h = torch.rand(3, 4);
  print('my_cell(x, h)', tuple(new PlainCell()(x, h)));

  const linear_cell = new LinearCell();
  print('my_cell', String(linear_cell));
  print('my_cell(x, h)', tuple(linear_cell(x, h)));

  const gated_cell = new MyCell(new MyDecisionGate());
  print('my_cell', String(gated_cell));
  print('my_cell(x, h)', tuple(await gated_cell(x, h)));

  // Tracing modules
  const my_cell = new LinearCell();
  [x, h] = [torch.rand(3, 4), torch.rand(3, 4)];
  const traced_cell = await jit.trace(my_cell, [x, h]);
  print('traced_cell', String(traced_cell));
  print('traced_cell(x, h)', tuple(await traced_cell(x, h)));
  print('traced_cell.graph', traced_cell.graph);
  print('traced_cell.code', traced_cell.code);
  print('my_cell(x, h)', tuple(my_cell(x, h)));
  print('traced_cell(x, h)', tuple(await traced_cell(x, h)));

  // Control flow is erased by tracing …
  const traced_gated = await jit.trace(new MyCell(new MyDecisionGate()), [x, h]);
  print('traced_cell.dg.code', traced_gated.dg.code);
  print('traced_cell.code', traced_gated.code);

  // … and kept by scripting
  const scripted_gate = jit.script(new MyDecisionGate(), given);
  const scripted_cell = jit.script(new MyCell(scripted_gate), given);
  print('scripted_gate.code', scripted_gate.code);
  print('scripted_cell.code', scripted_cell.code);
  [x, h] = [torch.rand(3, 4), torch.rand(3, 4)];
  print('scripted_cell(x, h)', tuple(await scripted_cell(x, h)));

  // Mixing scripting and tracing
  const traced_with_script = await jit.trace(new MyCell(scripted_gate), [x, h]);
  const rnn_loop = jit.script(new MyRNNLoop(traced_with_script), given);
  print('rnn_loop.code', rnn_loop.code);
  const wrapped = await jit.trace(new WrapRNN(rnn_loop), [torch.rand(10, 3, 4)]);
  print('traced.code', wrapped.code);

  // Saving and loading
  const path = join(tmpdir(), `wrapped_rnn-${process.pid}.pt`);
  await wrapped.save(path);
  const loaded = await jit.load(path);
  await rm(path);
  print('loaded', String(loaded));
  print('loaded.code', loaded.code);
}
