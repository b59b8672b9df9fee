/** What torchvision's models print as, method by method; `conformance/bin/printing.ts` shows the table over all of them. */
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { load, program_text } from '@sconce/jit';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderFiles } from '../src/files.ts';
import { hashOf, printing } from '../src/models/printing.ts';

/** One of each family; the others are like these. */
const some = [
  'alexnet.script',
  'convnext_tiny.trace',
  'densenet121.script',
  'efficientnet_b0.script',
  'googlenet.script',
  'lstm.script',
  'maxvit_t.script',
  'mnasnet0_5.trace',
  'mobilenet_v3_small.trace',
  'regnet_y_400mf.script',
  'resnet18.script',
  'resnet18.trace',
  'shufflenet_v2_x0_5.script',
  'squeezenet1_1.script',
  'swin_t.trace',
  'swin_v2_t.script',
  'transformer_encoder.script',
  'vgg11.trace',
  'vit_b_16.script',
];

const cases = (await printing(folderFiles())).filter(({ name }) => some.includes(name));

beforeAll(() => setCurrentBackend(reference()));

describe('the code of every method and function is what PyTorch prints', () => {
  it.each(cases)('$name', async ({ archive, printed }) => {
    const ours = program_text(await load(await archive()));
    const wrong: string[] = [];
    for (const [name, [code]] of Object.entries(printed)) {
      const text = ours.get(name);
      if (!text || (await hashOf(text.code)) !== code) wrong.push(name);
    }
    expect(wrong).toEqual([]);
  });
});

describe('so are the graphs, numbers, names and places included', () => {
  it.each(cases)('$name', async ({ archive, printed }) => {
    const ours = program_text(await load(await archive()));
    const wrong: string[] = [];
    for (const [name, [, graph]] of Object.entries(printed))
      if ((await hashOf(ours.get(name)?.graph ?? '')) !== graph) wrong.push(name);
    expect(wrong).toEqual([]);
  });
});
