/** The opening view: a file dropped or chosen, its structure and code, and a run on made-up inputs. */

import type * as torch from 'sconce';
import type { DType, Tensor } from 'sconce';
import { backend, nameOf, onBackend } from '../backends.ts';
import { byId, count, element, messageOf } from '../page/dom.ts';
import { clearNotice, notice } from '../page/notice.ts';
import { publish } from '../trained.ts';
import { countOf, type Entry, inspect, type Opened } from './inspect.ts';
import { type Filling, run, shapesOf } from './run.ts';

type ScriptModule = torch.jit.ScriptModule;

const drop = byId('drop');
const input = byId<HTMLInputElement>('file');
const status = byId('open-status');
const shown = byId('opened');

const EXAMPLE = new URL('../../../digits/digits.pt', import.meta.url);
/** A table longer than this is cut. */
const ROWS = 1000;

export function startOpen(): void {
  let last: (() => Promise<void>) | undefined;
  /** What is open now: freed at once when another file takes its place, since it may be large. */
  let held: Tensor[] = [];

  async function open(name: string, read: () => Promise<ArrayBuffer>): Promise<void> {
    last = () => open(name, read);
    clearNotice('open');
    shown.hidden = true;
    status.textContent = `Opening ${name}…`;
    try {
      const bytes = new Uint8Array(await read());
      for (const tensor of held) tensor.dispose();
      held = [];
      const opened = await inspect(bytes);
      held =
        opened.kind === 'program'
          ? [...opened.module.parameters(), ...opened.module.buffers()]
          : opened.entries.flatMap(({ value }) => (typeof value === 'string' ? [] : [value]));
      status.textContent = `${name}, ${megabytes(bytes.length)}, on ${nameOf(backend())}`;
      shown.replaceChildren(...(opened.kind === 'program' ? program(opened.module) : weights(opened, bytes)));
      shown.hidden = false;
    } catch (error) {
      status.textContent = '';
      notice('open', `${name} could not be opened: ${messageOf(error)}`);
    }
  }

  const openFile = (file: File | undefined): void => {
    if (file) void open(file.name, () => file.arrayBuffer());
  };
  input.addEventListener('change', () => {
    openFile(input.files?.[0]);
    // The same file can be chosen again.
    input.value = '';
  });
  // Anywhere on the page: a file that misses the frame shall not take the page away.
  addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  addEventListener('dragleave', () => drop.classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    openFile(event.dataTransfer?.files[0]);
  });
  const example = byId<HTMLButtonElement>('example-file');
  example.addEventListener(
    'click',
    () =>
      void open('digits.pt', async () => {
        const response = await fetch(EXAMPLE);
        if (!response.ok) throw new Error(`the server answered ${response.status}`);
        return response.arrayBuffer();
      }),
  );
  // What is open moves along with the page.
  onBackend(() => void last?.());
  input.disabled = example.disabled = false;
  status.textContent = '';
}

const megabytes = (bytes: number): string =>
  bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const shapeOf = (tensor: Tensor): string => `${tensor.dtype} [${tensor.shape.join(', ')}]`;

function facts(rows: Record<string, string>): HTMLElement {
  return element(
    'dl',
    { className: 'facts' },
    ...Object.entries(rows).map(([term, text]) =>
      element('div', {}, element('dt', { textContent: term }), element('dd', { textContent: text })),
    ),
  );
}

/** The module tree on one side, the chosen module's code and tensors on the other, and below them the run. */
function program(module: ScriptModule): HTMLElement[] {
  const parameters = countOf(module.parameters());
  const buffers = countOf(module.buffers());
  const title = element('h3', {});
  const code = element('pre', { tabIndex: 0, ariaLabel: 'Code' });
  const tensors = element('div');
  const choose = (path: string, of: ScriptModule, button: HTMLButtonElement): void => {
    for (const other of tree.querySelectorAll('button')) other.ariaPressed = String(other === button);
    title.textContent = `${path || 'The whole'}: ${of.original_name}`;
    code.textContent = of.code || 'This module has no method of its own.';
    const own = [...of.named_parameters('', false), ...of.named_buffers('', false)];
    tensors.replaceChildren(
      ...(own.length > 0 ? [table(own.map(([name, value]) => ({ name, value })))] : []),
    );
  };
  const tree = element('ul', { className: 'tree' }, branch('', 'module', module, choose));
  tree.querySelector('button')?.click();
  return [
    facts({
      Parameters: count(parameters.elements),
      'in tensors': count(parameters.tensors),
      dtypes: parameters.dtypes,
      Memory: megabytes(parameters.bytes + buffers.bytes),
      Buffers: count(buffers.elements),
    }),
    element(
      'div',
      { className: 'columns' },
      element(
        'div',
        {},
        element('h3', { textContent: 'Structure' }),
        element('div', { className: 'scroll' }, tree),
      ),
      element('div', {}, title, code, tensors),
    ),
    ...runner(module),
  ];
}

function branch(
  path: string,
  name: string,
  module: ScriptModule,
  choose: (path: string, module: ScriptModule, button: HTMLButtonElement) => void,
): HTMLElement {
  const { elements } = countOf(module.parameters());
  const button = element(
    'button',
    { type: 'button', ariaPressed: 'false' },
    `${name} `,
    element('span', {
      className: 'quiet',
      textContent: `${module.original_name}${elements > 0 ? `, ${count(elements)}` : ''}`,
    }),
  );
  button.addEventListener('click', () => choose(path, module, button));
  const children = [...module.named_children()].map(([key, child]) =>
    branch(path ? `${path}.${key}` : key, key, child as ScriptModule, choose),
  );
  return element('li', {}, button, ...(children.length > 0 ? [element('ul', {}, ...children)] : []));
}

function table(entries: readonly Entry[]): HTMLElement {
  const head = ['Name', 'Value', 'Elements'].map((text, i) =>
    element('th', { scope: 'col', textContent: text, className: i === 2 ? 'number' : '' }),
  );
  const rows = entries.slice(0, ROWS).map(({ name, value }) =>
    element(
      'tr',
      {},
      element('td', {}, element('code', { textContent: name })),
      element('td', { textContent: typeof value === 'string' ? value : shapeOf(value) }),
      element('td', {
        className: 'number',
        textContent: typeof value === 'string' ? '' : count(value.numel()),
      }),
    ),
  );
  const cut =
    entries.length > ROWS ? [element('p', { textContent: `and ${count(entries.length - ROWS)} more` })] : [];
  return element(
    'div',
    { className: 'scroll' },
    element('table', {}, element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...rows)),
    ...cut,
  );
}

function weights(opened: Opened & { kind: 'weights' }, bytes: Uint8Array): HTMLElement[] {
  const tensors = opened.entries.flatMap(({ value }) => (typeof value === 'string' ? [] : [value]));
  const total = countOf(tensors);
  const names = new Set(opened.entries.map(({ name }) => name));
  const use = element('button', { type: 'button', textContent: 'Draw with these weights' });
  use.addEventListener('click', () => {
    publish({ checkpoint: bytes, label: 'opened here' });
    const net = byId<HTMLSelectElement>('net');
    net.value = 'trained';
    net.dispatchEvent(new Event('change'));
    location.hash = '#draw';
  });
  return [
    facts({
      Kind: `${opened.format}: weights, no program to run`,
      Tensors: count(total.tensors),
      Elements: count(total.elements),
      dtypes: total.dtypes,
      Memory: megabytes(total.bytes),
    }),
    // The net that this page trains has these names.
    ...(names.has('features.0.weight') && names.has('classifier.4.bias') ? [use] : []),
    element('h3', { textContent: 'Tensors' }),
    table(opened.entries),
  ];
}

/** A shape for the first input, by what the program's first weight takes. */
function guess(module: ScriptModule): { shape: string; dtype: DType } {
  for (const [, parameter] of module.named_parameters()) {
    const { shape } = parameter;
    if (shape.length === 4)
      return { shape: shape[1] === 1 ? '1x1x28x28' : `1x${shape[1]}x224x224`, dtype: 'float32' };
    if (shape.length === 3) return { shape: `1x${shape[1]}x100`, dtype: 'float32' };
    if (shape.length === 2) return { shape: `1x${shape[1]}`, dtype: 'float32' };
  }
  return { shape: '1', dtype: 'float32' };
}

function runner(module: ScriptModule): HTMLElement[] {
  const likely = guess(module);
  const shape = element('input', { name: 'shape', value: likely.shape, required: true, size: 16 });
  const options = (names: string[]) =>
    names.map((name) => element('option', { value: name, textContent: name }));
  const filling = element('select', { name: 'filling' }, ...options(['random', 'ones', 'zeros']));
  const dtype = element(
    'select',
    { name: 'dtype' },
    ...options(['float32', 'int64', 'float16', 'uint8', 'bool']),
  );
  const button = element('button', { type: 'submit', className: 'primary', textContent: 'Run' });
  const form = element(
    'form',
    { className: 'settings', ariaLabel: 'Run' },
    element('label', {}, 'Input shape', shape),
    element('label', {}, 'Values', filling),
    element('label', {}, 'dtype', dtype),
    button,
  );
  const result = element('div', { id: 'run-result', role: 'status' });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void go();
  });

  async function go(): Promise<void> {
    button.disabled = true;
    clearNotice('run');
    result.textContent = 'Running…';
    try {
      const inputs = shapesOf(shape.value).map((sizes) => ({
        shape: sizes,
        filling: filling.value as Filling,
        dtype: dtype.value as DType,
      }));
      const { milliseconds, rows } = await run(module, inputs);
      result.replaceChildren(
        element('p', { textContent: `${milliseconds.toFixed(1)} ms on ${nameOf(backend())}` }),
        ...rows.map(({ path, what, values }) =>
          element('p', {}, element('code', { textContent: `${path}: ${what}` }), element('br'), values),
        ),
      );
    } catch (error) {
      result.textContent = '';
      notice('run', messageOf(error));
    } finally {
      button.disabled = false;
    }
  }

  return [
    element('h3', { textContent: 'Run it' }),
    form,
    element('p', { className: 'quiet', textContent: 'Several inputs are parted by semicolons: 1x10; 1x10.' }),
    result,
  ];
}
