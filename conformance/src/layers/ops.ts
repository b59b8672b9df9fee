/**
 * The `ops` layer: ATen operators on PyTorch's own samples. Each runs as it was recorded and with transposed inputs,
 * out of place and in place, by the backend's own kernel (where it has one) and by core's definition.
 */
import {
  type Backend,
  findOperator,
  mayOverlapItself,
  type Operator,
  scope,
  set_overrides_enabled,
  setCurrentBackend,
  type Tensor,
  TorchError,
} from '@sconce/core';
import {
  type Case,
  fail,
  type Layer,
  type LayerContext,
  notApplicable,
  pass,
  type Verdict,
} from '../case.ts';
import { type CaseId, formatId, hashOf } from '../query.ts';
import { checkInputs, checkResult, checkTensor, describeCase, type Wanted } from './check.ts';
import { type CaseFile, caseFiles, caseName, type FrozenCase, type FrozenTensor } from './frozen.ts';
import { programCases } from './programs.ts';
import { call, type InputLayout, makeTensors, settleFaults, thaw } from './tensors.ts';

/** How a case is run. */
export interface Variant {
  readonly layout: InputLayout;
  readonly form: 'out' | 'inplace';
  readonly via: 'override' | 'definition';
}

/** How many samples of an operator and dtype the quick tier takes. */
export const quickSamples = 4;

/** Operators whose result depends on how their input lies in memory. */
const layoutBound =
  /^(aten::)?(_?reshape_alias|view|view_as|_unsafe_view|as_strided|set_|resize|storage|is_contiguous|stride)|contiguous/;

async function* cases(context: LayerContext): AsyncGenerator<Case> {
  const { backend, files, wantsName } = context;
  // Ties, NaN, infinities, overflow, errors: what PyTorch's own samples leave out.
  yield* programCases(context, 'ops', 'edges/edges.json', 'edges.');
  setCurrentBackend(backend);
  for await (const file of caseFiles(files, 'ops', wantsName))
    for (const frozen of file.cases) {
      const operator = findOperator(frozen.op);
      const id = {
        layer: 'ops',
        name: caseName(frozen.op),
        params: { dtype: frozen.dtype, sample: String(frozen.sample) },
      };
      const rotation = hashOf(formatId(id));
      const isQuick = frozen.sample < quickSamples;
      const allowed = variants(backend, operator, frozen);
      const layouts = new Set(allowed.map(({ layout }) => layout));
      const quickLayout = layouts.size > 1 && rotation % 2 ? 'transposed' : 'frozen';
      for (const variant of allowed) {
        const wanted = isQuick && variant.layout === quickLayout;
        yield {
          id: { ...id, params: { ...id.params, ...variant } },
          fullOnly: !wanted,
          run: () =>
            attempt(
              backend,
              operator,
              frozen,
              file,
              { ...id, params: { ...id.params, ...variant } },
              variant,
            ),
        };
      }
    }
}

export const opsLayer: Layer = { name: 'ops', cases };

/** The ways in which a case can be run. */
function variants(backend: Backend, operator: Operator | undefined, frozen: FrozenCase): Variant[] {
  const vias: Variant['via'][] =
    operator && backend.op?.(operator.schema) ? ['override', 'definition'] : ['definition'];
  const layouts: InputLayout[] = canTranspose(frozen) ? ['frozen', 'transposed'] : ['frozen'];
  const forms: Variant['form'][] = operator && inplaceTwin(operator, frozen) ? ['out', 'inplace'] : ['out'];
  return vias.flatMap((via) => layouts.flatMap((layout) => forms.map((form) => ({ layout, form, via }))));
}

/** Nothing that is a view, or written, or that speaks of memory; and something of two dims to transpose. */
const canTranspose = (frozen: FrozenCase): boolean =>
  !frozen.error &&
  !frozen.mutated &&
  !layoutBound.test(frozen.op) &&
  !frozen.kwargs?.memory_format &&
  !frozen.out?.some((out) => out?.a !== undefined) &&
  frozen.in.every(({ g }) => g === undefined) &&
  frozen.in.some(({ s }) => s.filter((size) => size > 1).length > 1);

/** `relu_` for `relu`, where the result can be written over the first argument. */
function inplaceTwin({ schema }: Operator, frozen: FrozenCase): Operator | undefined {
  const [first] = frozen.args;
  const k = first !== null && typeof first === 'object' && 't' in first ? first.t : -1;
  const [input, out] = [frozen.in[k], frozen.out?.[0]];
  if (frozen.error || frozen.mutated || !input || !out || frozen.out?.length !== 1 || out.a !== undefined)
    return undefined;
  const isSame =
    input.d === out.d && input.s.length === out.s.length && input.s.every((size, d) => size === out.s[d]);
  const isOwn = input.g === undefined && !overlapsItself(input);
  if (!isSame || !isOwn || JSON.stringify([frozen.args.slice(1), frozen.kwargs]).includes(`{"t":${k}}`))
    return undefined;
  return findOperator(`${schema.namespace}::${schema.base}_${schema.overload && `.${schema.overload}`}`);
}

const overlapsItself = ({ s, st }: FrozenTensor): boolean => st !== undefined && mayOverlapItself(s, st);

async function attempt(
  backend: Backend,
  operator: Operator | undefined,
  frozen: FrozenCase,
  file: CaseFile,
  id: CaseId,
  { layout, form, via }: Variant,
): Promise<Verdict> {
  if (!operator) return notApplicable(`core has no operator ${frozen.op}`);
  const lacking = missingDType(backend, frozen);
  if (lacking) return notApplicable(lacking);
  const target = form === 'inplace' ? inplaceTwin(operator, frozen)! : operator;
  const before = set_overrides_enabled(via === 'override');
  try {
    return await scope(async () => {
      const inputs = makeTensors(frozen.in, file, backend, layout);
      const wanted: Wanted = {
        id,
        file,
        case: frozen,
        inputs,
        compareStrides: layout === 'frozen' && form === 'out',
      };
      const problem = await judge(backend, target, wanted, form);
      return problem
        ? fail(`${problem}\n${describeCase(wanted)}\n  rerun    sconce-conformance BACKEND '${formatId(id)}'`)
        : pass;
    });
  } finally {
    set_overrides_enabled(before);
  }
}

async function judge(
  backend: Backend,
  target: Operator,
  wanted: Wanted,
  form: Variant['form'],
): Promise<string | undefined> {
  const { case: frozen, inputs } = wanted;
  const args = frozen.args.map((value) => thaw(value, inputs));
  const kwargs = Object.fromEntries(
    Object.entries(frozen.kwargs ?? {}).map(([name, value]) => [name, thaw(value, inputs)]),
  );
  let result: unknown;
  try {
    result = await call(target, args, kwargs);
    if (frozen.error) await settleFaults(backend);
  } catch (error) {
    if (frozen.error && error instanceof TorchError) return undefined;
    return `threw ${error instanceof Error ? (error instanceof TorchError ? `${error.name}: ${error.message}` : error.stack) : String(error)}${frozen.error ? `; want a TorchError (${frozen.error.type}: ${frozen.error.message.split('\n')[0]})` : ''}`;
  }
  if (frozen.error)
    return `did not throw; PyTorch: ${frozen.error.type}: ${frozen.error.message.split('\n')[0]}`;
  if (form === 'inplace') {
    const self = args[0] as Tensor;
    if (result !== self) return 'the in-place form did not return its argument';
    return checkTensor('the argument after the in-place form', self, frozen.out![0]!, wanted);
  }
  return (await checkResult(result, frozen.result ?? null, wanted)) ?? (await checkInputs(wanted));
}

/** A dtype of the case that the backend declares it lacks. */
export function missingDType({ capabilities }: Backend, frozen: FrozenCase): string | undefined {
  for (const tensor of [...frozen.in, ...(frozen.out ?? [])])
    if (tensor?.d && !capabilities.dtypes.has(tensor.d))
      return `dtype ${tensor.d} is not in capabilities.dtypes`;
  return undefined;
}
