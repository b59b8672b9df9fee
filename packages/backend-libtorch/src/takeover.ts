/** Takes over ATen operators: PyTorch 2.6's schema, called through the schema of the LibTorch that is here. */
import { type OpKernel, parseSchema, type Schema, type View } from '@sconce/core';
import { kernelFault, type NativeError, toTorchError } from './addon.ts';
import { type Encode, encoder, kindOf, plain } from './encode.ts';
import { refusalOf } from './refusals.ts';
import { type Wire, wire } from './wire.ts';

/** Drawn from core's generator, so that every backend gives the same numbers; most show a Generator in some overload. */
const random =
  /^(rand|bernoulli|multinomial|normal|poisson|binomial|dropout|native_dropout|alpha_dropout|feature_|rrelu|_fused_dropout|_sample|_standard_gamma)/;

/** Memory without values is core's own affair. */
const allocation = /^(new_)?empty|^_?efficientzero/;

/** Whether LibTorch may have this operator at all, by what its schema says. */
function isWanted(schema: Schema): boolean {
  const { namespace, base, args, returns, isVararg } = schema;
  return (
    namespace === 'aten' &&
    !isVararg &&
    returns.length > 0 &&
    returns.every((r) => r.type.kind === 'Tensor' && !r.alias) &&
    args.some((a) => kindOf(a.type) === 'Tensor' || kindOf(a.type) === 'List') &&
    !args.some((a) => a.alias || kindOf(a.type) === 'Generator') &&
    !random.test(base) &&
    !allocation.test(base)
  );
}

/** Whether it is an in-place operator, `add_`: of tensors and numbers, with the first overwritten and returned. */
function isInplace({ namespace, base, args, returns, isVararg }: Schema): boolean {
  return (
    namespace === 'aten' &&
    !isVararg &&
    base.endsWith('_') &&
    returns.length === 1 &&
    args.every((a, i) => !a.alias === i > 0) &&
    !args.some((a) => kindOf(a.type) === 'Generator') &&
    !random.test(base)
  );
}

/** Puts one argument of LibTorch's schema on the wire, from the arguments of ours; false refuses the call. */
type Place = (wire: Wire, args: readonly unknown[]) => boolean;

const isSame = (a: unknown, b: unknown): boolean =>
  a === b ||
  (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v, i) => isSame(v, b[i])));

/** Matches LibTorch's arguments to ours, by name, or by place where only a name changed; undefined where they do not fit. */
function places(ours: Schema, theirs: Schema): Place[] | undefined {
  const used = new Set<number>();
  const result: Place[] = [];
  for (const [position, argument] of theirs.args.entries()) {
    let source = ours.args.findIndex((a) => a.name === argument.name);
    if (source < 0 && !theirs.args.some((a) => a.name === ours.args[position]?.name))
      source =
        ours.args[position] && kindOf(ours.args[position].type) === kindOf(argument.type) ? position : -1;
    const encode: Encode = encoder(argument.type);
    if (source >= 0) {
      used.add(source);
      result.push((to, args) => encode(to, args[source]));
    } else {
      if (!argument.hasDefault) return undefined;
      const value = plain(argument);
      result.push((to) => {
        to.putAny(value);
        return true;
      });
    }
  }
  // What this LibTorch does not know must have been left at its default.
  for (const [i, argument] of ours.args.entries()) {
    if (used.has(i)) continue;
    if (!argument.hasDefault) return undefined;
    result.unshift((_, args) => isSame(args[i], argument.default));
  }
  return result;
}

/** Arguments that make a deterministic operator draw: dropout inside `lstm` or an attention. */
const dropsOut = ({ args }: Schema): number =>
  args.findIndex((a) => ['dropout', 'dropout_p'].includes(a.name) && a.type.kind === 'float');

/**
 * The operator as an OpKernel, or undefined where LibTorch is not to run it. A call that LibTorch refuses (an argument
 * newer than it, a dtype that it lacks, a wrong shape) gives undefined too: the definition answers it, or says what is
 * wrong in the words that every backend uses.
 */
export function takeOver(schema: Schema): OpKernel | undefined {
  const writes = isInplace(schema);
  if (!writes && !isWanted(schema)) return undefined;
  const to = wire();
  const native = to.native.operator(`aten::${schema.base}`, schema.overload);
  if (!native) return undefined;
  const theirs = parseSchema(native.schema);
  if (!(writes ? isInplace(theirs) : isWanted(theirs)) || theirs.returns.length !== schema.returns.length)
    return undefined;
  const encoders = places(schema, theirs);
  if (!encoders) return undefined;

  const { index } = native;
  const count = encoders.length;
  const dropout = dropsOut(schema);
  const refuses = refusalOf(writes ? schema.base.slice(0, -1) : schema.base);

  return (args) => {
    if (dropout >= 0 && (args[dropout] as number) > 0) return undefined;
    if (refuses?.(args)) return undefined;
    // What runs backwards arrives at LibTorch as a copy, which is of no use for writing.
    if (writes && (args[0] as View).strides.some((stride) => stride < 0)) return undefined;
    to.at = 0;
    to.put2(index, writes ? 0 : 1);
    for (let i = 0; i < count; i++) if (!encoders[i](to, args)) return undefined;
    let length: number;
    try {
      length = to.native.call();
    } catch (error) {
      return refused(error as NativeError);
    }
    if (writes) return nothing;
    to.receive(length);
    const n = to.take();
    // None, a view of an argument or a complex tensor: the definition gives these in core's own ways.
    if (n < 0) return undefined;
    return takeViews(to, n);
  };
}

const nothing: readonly View[] = [];

/** The `n` tensors of a result. */
function takeViews(from: Wire, n: number): readonly View[] {
  const views: View[] = [];
  for (let i = 0; i < n; i++) {
    from.take();
    views.push(from.takeView());
  }
  return views;
}

/** Faults in the data are thrown; any other refusal is left to the definition. */
function refused(error: NativeError): undefined {
  if (error.code === undefined || error.code === 'OutOfMemoryError') throw toTorchError(error);
  const fault = kernelFault(error);
  if (fault) throw fault;
  return undefined;
}
