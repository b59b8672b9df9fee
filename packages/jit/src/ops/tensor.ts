/** Operators that take a tensor and give something else: properties, casts to numbers, `tolist`, and a program's effects. */
import { JitError } from '../errors.ts';
import { ambient, typeInProgram } from '../interpreter/marshal.ts';
import { leafOf } from '../ir/names.ts';
import {
  canReadNow,
  Device,
  dtypeOfCode,
  dtypes,
  get_default_dtype,
  is_grad_enabled,
  isQuantized,
  item,
  itemNow,
  PyFloat,
  set_grad_enabled,
  type Tensor,
  tensor,
  tolist,
  tolistNow,
} from './core.ts';
import { type Int, truncToInt } from './int.ts';
import type { ScalarEntry } from './operator.ts';
import { typeTagOf } from './value.ts';

type HostNumber = number | bigint | boolean;

/** Calls `use` with the one element of the tensor: at once where the host can read it, else when it has come. */
function withItem<T>(t: Tensor, use: (value: HostNumber) => T): T | Promise<T> {
  const elements = t.shape.reduce((a, b) => a * b, 1);
  if (elements !== 1)
    throw new JitError('RuntimeError', `a Tensor with ${elements} elements cannot be converted to Scalar`);
  return canReadNow(t) ? use(itemNow(t)) : item(t).then(use);
}

/** A tensor as a branch's condition. */
export function toBool(t: Tensor): boolean | Promise<boolean> {
  const elements = t.shape.reduce((a, b) => a * b, 1);
  if (elements !== 1)
    throw new JitError(
      'RuntimeError',
      elements === 0
        ? 'Boolean value of Tensor with no values is ambiguous'
        : 'Boolean value of Tensor with more than one value is ambiguous',
    );
  // biome-ignore lint/suspicious/noDoubleEquals: 0n is false too
  return withItem(t, (value) => value != 0);
}

const isFloatTensor = (t: Tensor): boolean => dtypes[t.dtype].isFloat;
const toInt = (t: Tensor) =>
  withItem(t, (value) => (typeof value === 'bigint' ? value : truncToInt(Number(value))));
const toFloat = (t: Tensor) => withItem(t, Number);
/** A number whose static type is Scalar: a float stays one even when it is whole. */
const toScalar = (t: Tensor) =>
  withItem(t, (value): unknown =>
    isFloatTensor(t) ? new PyFloat(Number(value)) : typeof value === 'boolean' ? value : value,
  );

function implicit(t: Tensor, wanted: 'int' | 'float' | 'number'): void {
  const article = wanted === 'int' ? 'an int' : wanted === 'float' ? 'a float' : 'a Scalar';
  if (t.requires_grad)
    throw new JitError('RuntimeError', `Cannot input a tensor that requires grad as a scalar argument`);
  if (t.shape.length !== 0)
    throw new JitError(
      'RuntimeError',
      `Cannot input a tensor of dimension other than 0 as a scalar argument`,
    );
  if (wanted === 'int' && isFloatTensor(t))
    throw new JitError('RuntimeError', `Cannot input a tensor that is not integral as ${article} argument`);
}

const isDevice =
  (...types: string[]) =>
  (t: Tensor) =>
    types.includes(t.device.type);

/** `x.tolist()` under an annotation, which says how deep the lists go and what is in them. */
export function toList(t: Tensor, dims: Int, element: Int): unknown {
  const wanted = ['int', 'float', 'bool'][Number(element)];
  if (t.shape.length !== Number(dims))
    throw new JitError(
      'RuntimeError',
      'Output annotation list dimension and runtime tensor dimension must match for tolist()',
    );
  const have = t.dtype === 'bool' ? 'bool' : isFloatTensor(t) ? 'float' : 'int';
  if (have !== wanted)
    throw new JitError(
      'RuntimeError',
      'Output annotation element type and runtime tensor element type must match for tolist()',
    );
  return canReadNow(t) ? tolistNow(t) : tolist(t);
}

/** Whether a list's static type says float: `[2.0]` is no list of ints. */
function holdsFloats(data: unknown): boolean {
  let type = Array.isArray(data) ? typeTagOf(data) : undefined;
  while (type?.kind === 'List') type = type.element;
  return type?.kind === 'float';
}

const numToTensor = (value: unknown, isFloat: boolean): Tensor =>
  tensor(value as never, { dtype: isFloat ? 'float64' : null, device: ambient.device });

function newTensor(data: unknown, dtype: Int | null, device: Device | null, requiresGrad: boolean): Tensor {
  return tensor(data as never, {
    dtype: dtype !== null ? dtypeOfCode(Number(dtype)) : holdsFloats(data) ? get_default_dtype() : null,
    device: device ?? ambient.device,
    requires_grad: requiresGrad,
  });
}

const tensorOptions = '*, ScalarType? dtype=None, Device? device=None, bool requires_grad=False';

/** A dim counted from the front. */
function dimension(t: Tensor, dim: Int): number {
  const d = Number(dim);
  const rank = t.shape.length;
  if (d < -rank || d >= rank)
    throw new JitError(
      'IndexError',
      rank === 0
        ? `Dimension specified as ${d} but tensor has no dimensions`
        : `Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${d})`,
    );
  return d < 0 ? d + rank : d;
}

/** Text that a program prints or warns, for whoever wants it; the console unless told otherwise. */
export const output: { print: (text: string) => void; warn: (text: string) => void } = {
  print: (text) => host.console?.log(text),
  warn: (text) => host.console?.warn(text),
};

const host = globalThis as { console?: { log(text: string): void; warn(text: string): void } };

export const tensorOperators: readonly ScalarEntry[] = [
  ['aten::Bool.Tensor(Tensor a) -> bool', toBool],
  ['aten::Int.Tensor(Tensor a) -> int', toInt],
  ['aten::Float.Tensor(Tensor a) -> float', toFloat],
  [
    'aten::IntImplicit(Tensor a) -> int',
    (t: Tensor) => {
      implicit(t, 'int');
      return toInt(t);
    },
  ],
  [
    'aten::FloatImplicit(Tensor a) -> float',
    (t: Tensor) => {
      implicit(t, 'float');
      return toFloat(t);
    },
  ],
  [
    'aten::ScalarImplicit(Tensor a) -> Scalar',
    (t: Tensor) => {
      implicit(t, 'number');
      return toScalar(t);
    },
  ],
  ['aten::item(Tensor self) -> Scalar', toScalar],
  [
    'aten::len.Tensor(Tensor t) -> int',
    (t: Tensor) => {
      if (t.shape.length === 0) throw new JitError('TypeError', 'len() of a 0-d tensor');
      return t.shape[0];
    },
  ],
  ['aten::size(Tensor self) -> int[]', (t: Tensor) => [...t.shape]],
  ['aten::size.int(Tensor self, int dim) -> int', (t: Tensor, dim: Int) => t.shape[dimension(t, dim)]],
  ['aten::stride.int(Tensor self, int dim) -> int', (t: Tensor, dim: Int) => t.strides[dimension(t, dim)]],
  ['aten::dim(Tensor self) -> int', (t: Tensor) => t.shape.length],
  ['aten::numel(Tensor self) -> int', (t: Tensor) => t.shape.reduce((a, b) => a * b, 1)],
  ['aten::stride(Tensor self) -> int[]', (t: Tensor) => [...t.strides]],
  ['aten::storage_offset(Tensor self) -> int', (t: Tensor) => t.offset],
  ['aten::is_floating_point(Tensor self) -> bool', isFloatTensor],
  ['aten::is_complex(Tensor self) -> bool', () => false],
  ['aten::element_size(Tensor self) -> int', (t: Tensor) => dtypes[t.dtype].bytes],
  ['aten::get_device(Tensor self) -> int', (t: Tensor) => t.device.index ?? -1],
  ['prim::dtype(Tensor a) -> int', (t: Tensor) => dtypes[t.dtype].code],
  ['prim::device(Tensor a) -> Device', (t: Tensor) => t.device],
  ['prim::layout(Tensor a) -> Layout', () => 0],
  ['prim::requires_grad(Tensor a) -> bool', (t: Tensor) => t.requires_grad],
  ['prim::grad(Tensor a) -> Tensor?', (t: Tensor) => t.grad],
  ['prim::name(Tensor a) -> str?', () => null],
  ['prim::is_quantized(Tensor a) -> bool', (t: Tensor) => isQuantized(t.dtype)],
  ['prim::is_cuda(Tensor a) -> bool', isDevice('cuda')],
  ['prim::is_cpu(Tensor a) -> bool', isDevice('cpu')],
  ['prim::is_meta(Tensor a) -> bool', isDevice('meta')],
  ...[
    'is_sparse',
    'is_sparse_csr',
    'is_mkldnn',
    'is_nested',
    'is_mps',
    'is_ort',
    'is_ipu',
    'is_vulkan',
    'is_xpu',
  ].map((name): ScalarEntry => [`prim::${name}(Tensor a) -> bool`, () => false]),
  ['prim::type(Device self) -> str', typeInProgram],
  ['prim::index(Device self) -> int?', (device: Device) => device.index],
  [
    'aten::device(str a) -> Device',
    (text: string) => {
      const [type, index] = text.split(':');
      return new Device(type, index === undefined ? null : Number(index));
    },
  ],
  [
    'aten::device.with_index(str type, int index) -> Device',
    (type: string, index: Int) => new Device(type, Number(index)),
  ],
  [
    'prim::NumToTensor.Scalar(Scalar a) -> Tensor',
    (value: unknown) =>
      numToTensor(value, value instanceof PyFloat || (typeof value === 'number' && !Number.isInteger(value))),
  ],
  ['prim::NumToTensor.bool(bool a) -> Tensor', (value: boolean) => numToTensor(value, false)],
  [`aten::tensor(t[] data, ${tensorOptions}) -> Tensor`, newTensor],
  [
    `aten::tensor.float(float t, ${tensorOptions}) -> Tensor`,
    (value: number, ...rest: [Int | null, Device | null, boolean]) => newTensor(new PyFloat(value), ...rest),
  ],
  [`aten::tensor.int(int t, ${tensorOptions}) -> Tensor`, newTensor],
  [`aten::tensor.bool(bool t, ${tensorOptions}) -> Tensor`, newTensor],
  ...(['float', 'int', 'bool'] as const).map(
    (type): ScalarEntry => [
      `aten::as_tensor.${type}(${type} t, *, ScalarType? dtype=None, Device? device=None) -> Tensor`,
      (value: unknown, dtype: Int | null, device: Device | null) =>
        newTensor(type === 'float' ? new PyFloat(value as number) : value, dtype, device, false),
    ],
  ),
  [
    'aten::as_tensor.list(t[] data, *, ScalarType? dtype=None, Device? device=None) -> Tensor',
    (data: unknown, dtype: Int | null, device: Device | null) => newTensor(data, dtype, device, false),
  ],
  [
    'aten::as_tensor(Tensor(a) data, *, ScalarType? dtype=None, Device? device=None) -> Tensor(b|a)',
    (data: Tensor, dtype: Int | null, device: Device | null) => convert(data, device, dtype, false),
  ],
  [
    'aten::to.prim_Device(Tensor(a) self, Device? device, int? dtype=None, bool non_blocking=False, bool copy=False) -> Tensor(b|a)',
    (self: Tensor, device: Device | null, dtype: Int | null, _: boolean, copy: boolean) =>
      convert(self, device, dtype, copy),
  ],
  [
    'aten::to.prim_dtype(Tensor(a) self, int? dtype=None, bool non_blocking=False, bool copy=False) -> Tensor(b|a)',
    (self: Tensor, dtype: Int | null, _: boolean, copy: boolean) => convert(self, null, dtype, copy),
  ],
  [
    'aten::to.prim_other(Tensor(a) self, bool non_blocking=False, bool copy=False) -> Tensor(b|a)',
    (self: Tensor, _: boolean, copy: boolean) => convert(self, null, null, copy),
  ],
  ['aten::cpu(Tensor(a) self) -> Tensor(b|a)', (self: Tensor) => convert(self, null, null, false)],
  ['aten::cuda(Tensor(a) self) -> Tensor(b|a)', (self: Tensor) => convert(self, null, null, false)],
  ['aten::is_grad_enabled() -> bool', is_grad_enabled],
  ['aten::set_grad_enabled(bool val) -> ()', set_grad_enabled],
  ['aten::is_autocast_enabled() -> bool', () => false],
  ['aten::is_autocast_cpu_enabled() -> bool', () => false],
  ['aten::is_scripting() -> bool', () => true],
  ['aten::_get_tracing_state() -> bool', () => false],
  ['aten::has_torch_function(...) -> bool', () => false],
  ['prim::RaiseException(str msg, str? cls=None) -> ()', raise],
  ['aten::warn(str message, int stacklevel=2) -> ()', (message: string) => output.warn(message)],
  ['aten::_infer_size(int[] a, int[] b) -> int[]', inferSize],
];

/** `x.to(…)` with whatever was given; a promise where that is another device. */
function convert(self: Tensor, device: Device | null, dtype: Int | null, copy: boolean): unknown {
  const wanted = dtype === null ? self.dtype : dtypeOfCode(Number(dtype));
  const finish = (t: Tensor): Tensor =>
    t.dtype !== wanted ? t.to(wanted) : copy && t === self ? t.clone() : t;
  if (device === null || String(device) === String(self.device)) return finish(self);
  const moved = self.to(device) as Tensor | Promise<Tensor>;
  return moved instanceof Promise ? moved.then(finish) : finish(moved);
}

/** Raises a Python exception: the class is `cls` where given, else what stands before the message's colon. */
function raise(message: string, cls: string | null): never {
  const named = cls ? leafOf(cls) : /^([A-Z]\w*(?:Error|Exception|Warning))\b/.exec(message)?.[1];
  throw new JitError(named ?? 'Exception', message);
}

function inferSize(a: number[], b: number[]): number[] {
  const out: number[] = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [x, y] = [a[a.length - i] ?? 1, b[b.length - i] ?? 1];
    if (x !== y && x !== 1 && y !== 1)
      throw new JitError(
        'RuntimeError',
        `The size of tensor a (${x}) must match the size of tensor b (${y}) at non-singleton dimension ${Math.max(a.length, b.length) - i}`,
      );
    out.unshift(x === 1 ? y : x);
  }
  return out;
}
