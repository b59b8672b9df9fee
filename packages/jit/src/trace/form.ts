/** How PyTorch 1.13 records a call where that is not the operator and the arguments of the call itself. */
import { plainShape, TracedNumber, type Type, unwatched } from '@sconce/core';
import { findOperator, findOperators, type Operator, Tensor, tensor } from '../ops/core.ts';

export interface RecordedCall {
  readonly operator: Operator;
  readonly args: readonly unknown[];
}

type Form = (operator: Operator, args: readonly unknown[]) => RecordedCall;

const operatorNamed = (name: string): Operator => {
  const operator = findOperator(name);
  if (!operator) throw new Error(`no operator ${name}`);
  return operator;
};

/** Python lets a number stand for the tensor `other` of these. */
const takesNumberAsTensor = /^(add|sub|subtract|mul|multiply|div|divide|true_divide|floor_divide)_?$/;

/** The zero-dim tensor that Python makes of a number: int64 of an int, float64 of a float. */
export function numberTensor(value: unknown, beside: unknown): Tensor {
  const backend = beside instanceof Tensor ? beside.backend : undefined;
  const isInt = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
  const number = typeof value === 'bigint' ? value : Number(value);
  const dtype = typeof value === 'boolean' ? 'bool' : isInt ? 'int64' : 'float64';
  return unwatched(() => {
    try {
      return tensor(number as number, { dtype, device: backend });
    } catch {
      // A backend without float64 keeps it as the float32 that it computes with.
      return tensor(number as number, { dtype: isInt ? 'int32' : 'float32', device: backend });
    }
  });
}

const withTensor: Form = (operator, args) => {
  const { base, namespace } = operator.schema;
  const overload = operator.schema.overload.replace('Scalar', 'Tensor');
  const tensorForm =
    findOperator(`${namespace}::${base}.${overload}`) ?? findOperator(`${namespace}::${base}`);
  const other = args[1];
  if (!tensorForm || other instanceof Tensor) return { operator, args };
  const value = other instanceof TracedNumber ? other : numberTensor(other, args[0]);
  return { operator: tensorForm, args: [args[0], value, ...args.slice(2, tensorForm.schema.args.length)] };
};

const zeros = (stride: unknown): number[] => new Array((stride as readonly number[]).length).fill(0);

/** Where no correction was given Python means the older overload. */
const unbiased: Form = (operator, args) => {
  const [self, dim, correction, keepdim] = args;
  if (correction !== null) return { operator, args };
  const { base } = operator;
  return dim === null
    ? { operator: operatorNamed(`aten::${base}`), args: [self, true] }
    : { operator: operatorNamed(`aten::${base}.dim`), args: [self, dim, true, keepdim] };
};

/** A convolution as it is below autograd; the last four are cuDNN's settings. */
const underlying: Form = (_, args) => ({
  operator: operatorNamed('aten::_convolution'),
  args: [...args, false, false, true, true],
});

/** `input, weight, bias, stride, padding, dilation, groups` */
const convolution: Form = (operator, [input, weight, bias, stride, padding, dilation, groups]) =>
  underlying(operator, [input, weight, bias, stride, padding, dilation, false, zeros(stride), groups]);

/** `input, weight, bias, stride, padding, output_padding, groups, dilation` */
const transposed: Form = (
  operator,
  [input, weight, bias, stride, padding, output_padding, groups, dilation],
) => underlying(operator, [input, weight, bias, stride, padding, dilation, true, output_padding, groups]);

const forms: Readonly<Record<string, Form>> = {
  'aten::conv1d': convolution,
  'aten::conv2d': convolution,
  'aten::conv3d': convolution,
  'aten::conv_transpose1d': transposed,
  'aten::conv_transpose2d.input': transposed,
  'aten::conv_transpose3d.input': transposed,
  'aten::convolution': underlying,
  ...Object.fromEntries(
    ['conv1d', 'conv2d', 'conv3d'].map((name): [string, Form] => [
      `aten::${name}.padding`,
      (operator, args) => ({ operator: findOperator('aten::_convolution_mode') ?? operator, args }),
    ]),
  ),
  // Python's slices say where they begin and end.
  'aten::slice.Tensor': (operator, [self, dim, start, end, step]) => ({
    operator,
    args: [self, dim, start ?? 0, end ?? 9223372036854775807n, step],
  }),
  'aten::sort.stable': (operator, args) =>
    args[1] === null
      ? { operator: operatorNamed('aten::sort'), args: [args[0], args[2], args[3]] }
      : { operator, args },
  'aten::split.sizes': (_, args) => ({ operator: operatorNamed('aten::split_with_sizes'), args }),
  'aten::std.correction': unbiased,
  'aten::std_mean.correction': unbiased,
  'aten::var.correction': unbiased,
  'aten::var_mean.correction': unbiased,
  'aten::detach_': (_, args) => ({ operator: operatorNamed('aten::detach'), args }),
  // Python takes another tensor for its device and dtype.
  'aten::to.other': (_, [self, other, ...rest]) => ({
    operator: operatorNamed('aten::to.device'),
    args: [self, 'cpu', (other as Tensor).dtype, ...rest],
  }),
  // Python's norm names every dim.
  'aten::norm.Scalar': (_, [self, p]) => ({
    operator: operatorNamed('aten::norm.ScalarOpt_dim'),
    args: [self, p, plainShape(self as Tensor).map((__, d) => d), false],
  }),
};

/** Switches that Python sets from `torch.backends.cudnn`. */
const cudnn = new Set(['cudnn_enabled', 'cudnn_enable']);

/** What Python's functions fill in for a tensor that is like another: its dtype, layout and device. */
const likeAnother = /^(\w+_like|new_\w+)$/;

/** A size is a tensor in Python, so it meets the overload that takes one, where there is one: `aten::eq.Tensor(x, n)`. */
function ofTensors(operator: Operator, args: readonly unknown[]): Operator {
  const { schema } = operator;
  const takesSize = schema.args.map(({ type }, i) => isScalarType(type) && args[i] instanceof TracedNumber);
  if (!takesSize.includes(true) || schema.args[0].type.kind !== 'Tensor') return operator;
  const fits = findOperators(`${schema.namespace}::${schema.base}`).find(
    (other) =>
      other.schema.args.length === schema.args.length &&
      other.schema.args.every(({ name, type }, i) =>
        takesSize[i]
          ? bare(type).kind === 'Tensor'
          : name === schema.args[i].name &&
            (bare(type).kind === bare(schema.args[i].type).kind ||
              (isScalarType(schema.args[i].type) && args[i] === null)),
      ),
  );
  return fits ?? operator;
}

const bare = (type: Type): Type => (type.kind === 'Optional' ? type.element : type);
const isScalarType = (type: Type): boolean => bare(type).kind === 'Scalar';

export function recordedForm(called: Operator, args: readonly unknown[]): RecordedCall {
  const operator = ofTensors(called, args);
  const { schema } = operator;
  const form = forms[schema.name];
  if (form) return form(operator, args);
  if (takesNumberAsTensor.test(schema.base) && /^Scalar(_mode)?$/.test(schema.overload))
    return withTensor(operator, args);
  let out: unknown[] | undefined;
  schema.args.forEach((arg, i) => {
    if (cudnn.has(arg.name)) (out ??= [...args])[i] = true;
    else if (likeAnother.test(schema.base) && args[0] instanceof Tensor) {
      if (arg.name === 'dtype' && args[i] === null) (out ??= [...args])[i] = args[0].dtype;
      if (arg.name === 'layout' && args[i] === null) (out ??= [...args])[i] = 'strided';
    }
    // A factory's device is the program's, never left open.
    if (arg.name === 'device' && arg.kwargOnly && args[i] === null) (out ??= [...args])[i] = 'cpu';
    if (arg.name === 'pin_memory' && args[i] === null) (out ??= [...args])[i] = false;
    if (schema.base === 'randint' && arg.name === 'dtype' && args[i] === null)
      (out ??= [...args])[i] = 'int64';
  });
  return { operator, args: out ?? args };
}
