/** Second names: operators that PyTorch has under two names, made from the schemas of the first. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, type Operator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** By the second name, overload included; what it stands for. `x_` beside `x` follows where both exist. */
const synonyms: Record<string, string> = {
  absolute: 'abs', absolute_: 'abs_', negative: 'neg', negative_: 'neg_', fix: 'trunc', fix_: 'trunc_',
  arccos: 'acos', arccos_: 'acos_', arcsin: 'asin', arcsin_: 'asin_', arctan: 'atan', arctan_: 'atan_',
  arccosh: 'acosh', arccosh_: 'acosh_', arcsinh: 'asinh', arcsinh_: 'asinh_', arctanh: 'atanh', arctanh_: 'atanh_',
  arctan2: 'atan2', arctan2_: 'atan2_',
  'true_divide.Tensor': 'div.Tensor', 'true_divide.Scalar': 'div.Scalar',
  'true_divide_.Tensor': 'div_.Tensor', 'true_divide_.Scalar': 'div_.Scalar',
  'divide.Tensor': 'div.Tensor', 'divide.Scalar': 'div.Scalar', 'divide.Tensor_mode': 'div.Tensor_mode',
  'divide.Scalar_mode': 'div.Scalar_mode', 'divide_.Tensor': 'div_.Tensor', 'divide_.Scalar': 'div_.Scalar',
  'divide_.Tensor_mode': 'div_.Tensor_mode', 'divide_.Scalar_mode': 'div_.Scalar_mode',
  'multiply.Tensor': 'mul.Tensor', 'multiply.Scalar': 'mul.Scalar', 'multiply_.Tensor': 'mul_.Tensor',
  'multiply_.Scalar': 'mul_.Scalar',
  'subtract.Tensor': 'sub.Tensor', 'subtract.Scalar': 'sub.Scalar', 'subtract_.Tensor': 'sub_.Tensor',
  'subtract_.Scalar': 'sub_.Scalar',
  'greater.Tensor': 'gt.Tensor', 'greater.Scalar': 'gt.Scalar', 'greater_.Tensor': 'gt_.Tensor', 'greater_.Scalar': 'gt_.Scalar',
  'greater_equal.Tensor': 'ge.Tensor', 'greater_equal.Scalar': 'ge.Scalar',
  'greater_equal_.Tensor': 'ge_.Tensor', 'greater_equal_.Scalar': 'ge_.Scalar',
  'less.Tensor': 'lt.Tensor', 'less.Scalar': 'lt.Scalar', 'less_.Tensor': 'lt_.Tensor', 'less_.Scalar': 'lt_.Scalar',
  'less_equal.Tensor': 'le.Tensor', 'less_equal.Scalar': 'le.Scalar',
  'less_equal_.Tensor': 'le_.Tensor', 'less_equal_.Scalar': 'le_.Scalar',
  'not_equal.Tensor': 'ne.Tensor', 'not_equal.Scalar': 'ne.Scalar',
  'not_equal_.Tensor': 'ne_.Tensor', 'not_equal_.Scalar': 'ne_.Scalar',
  'pow_.Scalar': 'pow_.Tensor_Scalar', 'pow_.Tensor': 'pow_.Tensor_Tensor', 'floor_divide_.Tensor': 'floor_divide_',
  ldexp_: 'ldexp_.Tensor',
  clip_: 'clamp_', 'clip_.Tensor': 'clamp_.Tensor',
  'moveaxis.intlist': 'movedim.intlist',
  special_digamma: 'digamma', special_psi: 'digamma', special_erf: 'erf', special_erfc: 'erfc', special_erfinv: 'erfinv',
  special_exp2: 'exp2', special_expit: 'sigmoid', special_expm1: 'expm1', special_gammaln: 'lgamma', special_log1p: 'log1p',
  row_stack: 'vstack', 'special_xlogy': 'xlogy.Tensor', 'special_xlogy.other_scalar': 'xlogy.Scalar_Other',
  'special_xlogy.self_scalar': 'xlogy.Scalar_Self',
  special_logit: 'logit', special_logsumexp: 'logsumexp', special_sinc: 'sinc',
  'unsafe_split.Tensor': 'split.Tensor', unsafe_split_with_sizes: 'split_with_sizes', unsafe_chunk: 'chunk',
  'index.Tensor_hacked_twin': 'index.Tensor', '_unsafe_index.Tensor_hacked_twin': 'index.Tensor',
  'index_put.hacked_twin': 'index_put', 'index_put_.hacked_twin': 'index_put_', '_index_put_impl_.hacked_twin': '_index_put_impl_',
  '__lshift__.Tensor': 'bitwise_left_shift.Tensor', '__rshift__.Tensor': 'bitwise_right_shift.Tensor',
}; // biome-ignore format: a table

/** The alias' schema is the original's with another name; views that lose their aliasing say so in the text. */
function textOf(alias: string, original: Operator): string {
  const text = original.schema.text.replace(/^(\w+::)?\w+(\.\w+)?\(/, `${alias}(`);
  const isUnsafe = alias.startsWith('unsafe_');
  if (isUnsafe) return text.replace('Tensor(a -> *) self', 'Tensor self').replace('Tensor(a)[]', 'Tensor[]');
  return alias.endsWith('hacked_twin') ? text.replace('Tensor?[]', 'Tensor[]') : text;
}

/** Views made copies, by the copy's name. */
const copies: Record<string, string> = {
  alias_copy: 'alias', as_strided_copy: 'as_strided', diagonal_copy: 'diagonal', expand_copy: 'expand',
  permute_copy: 'permute', 'select_copy.int': 'select.int', 'slice_copy.Tensor': 'slice.Tensor', 'split_copy.Tensor': 'split.Tensor',
  split_with_sizes_copy: 'split_with_sizes', squeeze_copy: 'squeeze', 'squeeze_copy.dim': 'squeeze.dim',
  'squeeze_copy.dims': 'squeeze.dims', t_copy: 't', 'transpose_copy.int': 'transpose.int', 'unbind_copy.int': 'unbind.int',
  unfold_copy: 'unfold', unsqueeze_copy: 'unsqueeze', view_copy: 'view', narrow_copy: 'narrow', detach_copy: 'detach',
  lift_fresh_copy: 'lift_fresh',
}; // biome-ignore format: a table

const withoutAlias = (text: string): string => text.replaceAll(/Tensor\(a(!| -> \*)?\)/g, 'Tensor');
const copyOf = (t: Tensor): Tensor => t.clone({ memory_format: 'contiguous_format' });

function makeCopies(): Operator[] {
  return Object.entries(copies).flatMap(([name, of]) => {
    const original = findOperator(`aten::${of}`);
    if (!original) throw new TorchError(`${name} is a copy of ${of}, which is not registered`);
    return op(withoutAlias(textOf(name, original)) as 'f(Tensor self) -> Tensor', {
      define: (args) => {
        const views = callOperator(
          original,
          original.argNames.map((n) => (args as Record<string, unknown>)[n]),
        ) as Tensor | Tensor[];
        return Array.isArray(views) ? views.map(copyOf) : copyOf(views);
      },
    });
  });
}

/** Called when the operators that they stand for are registered. */
export const synonymsOfKnown = (): Operator[] => [
  ...makeCopies(),
  ...Object.entries(synonyms).flatMap(([alias, name]) => {
    const original = findOperator(`aten::${name}`);
    if (!original) throw new TorchError(`${alias} is a synonym of ${name}, which is not registered`);
    return op(textOf(alias, original) as 'f(Tensor self) -> Tensor', {
      define: (args) =>
        callOperator(
          original,
          original.argNames.map((n) => (args as Record<string, unknown>)[n]),
        ),
    });
  }),
];
