/** The `autograd` layer: gradients of ATen operators, and gradients of those, on PyTorch's own samples. */
import { autograd, type Backend, findOperator, scope, setCurrentBackend, type Tensor } from '@sconce/core';
import {
  type Case,
  fail,
  type Layer,
  type LayerContext,
  notApplicable,
  pass,
  type Verdict,
} from '../case.ts';
import { type CaseId, formatId } from '../query.ts';
import { checkResult, checkTensor, describeCase, type Wanted } from './check.ts';
import { type CaseFile, caseFiles, caseName, type FrozenCase, type FrozenTensor } from './frozen.ts';
import { missingDType, quickSamples } from './ops.ts';
import { call, flatten, makeTensors, readTensor, thaw, valuesOf } from './tensors.ts';

async function* cases({ backend, files, wantsName }: LayerContext): AsyncGenerator<Case> {
  setCurrentBackend(backend);
  for await (const file of caseFiles(files, 'autograd', wantsName))
    for (const frozen of file.cases) {
      const id = {
        layer: 'autograd',
        name: caseName(frozen.op),
        params: { dtype: frozen.dtype, sample: String(frozen.sample) },
      };
      yield {
        id,
        fullOnly: frozen.sample >= quickSamples,
        run: () => attempt(backend, frozen, file, id),
      };
    }
}

export const autogradLayer: Layer = { name: 'autograd', cases };

async function attempt(backend: Backend, frozen: FrozenCase, file: CaseFile, id: CaseId): Promise<Verdict> {
  if (!findOperator(frozen.op)) return notApplicable(`core has no operator ${frozen.op}`);
  const lacking = missingDType(backend, frozen);
  if (lacking) return notApplicable(lacking);
  return await scope(async () => {
    const inputs = makeTensors(frozen.in, file, backend, 'frozen');
    const wanted: Wanted = { id, file, case: frozen, inputs, compareStrides: false };
    let problem: string | undefined;
    try {
      problem = await judge(backend, wanted);
    } catch (error) {
      problem = `threw ${error instanceof Error ? error.stack : String(error)}`;
    }
    return problem
      ? fail(
          `${problem}\n${describeCase(wanted)}\n  wrt      ${frozen.wrt?.map((k) => `t${k}`).join(', ')}\n  rerun    sconce-conformance BACKEND '${formatId(id)}'`,
        )
      : pass;
  });
}

async function judge(backend: Backend, wanted: Wanted): Promise<string | undefined> {
  const { case: frozen, inputs, file } = wanted;
  const leaves = frozen.wrt!.map((k) => inputs[k]);
  for (const leaf of leaves) leaf.requires_grad = true;
  const args = frozen.args.map((value) => thaw(value, inputs));
  const kwargs = Object.fromEntries(
    Object.entries(frozen.kwargs ?? {}).map(([name, value]) => [name, thaw(value, inputs)]),
  );
  const result = await call(findOperator(frozen.op)!, args, kwargs);
  const forward = await checkResult(result, frozen.result ?? null, wanted);
  if (forward) return `forward: ${forward}`;

  const cotangents = makeTensors(frozen.cot!, file, backend, 'frozen');
  // A null may be an output of its own, so outputs and cotangents are paired before either is dropped.
  const outputs = flatten(result);
  const pairs = frozen.cot!.flatMap((cot, i) =>
    cot && outputs[i] ? [[outputs[i], cotangents[i]] as const] : [],
  );
  const isDouble = frozen.grad2 !== undefined;
  if (isDouble) for (const [, cotangent] of pairs) cotangent.requires_grad = true;
  const grads = autograd.grad(
    pairs.map(([output]) => output),
    leaves,
    { grad_outputs: pairs.map(([, cotangent]) => cotangent), allow_unused: true, create_graph: isDouble },
  );
  const first = await checkGradients('gradient', grads, frozen.grad!, wanted);
  if (first || !isDouble) return first;

  const cotangents2 = makeTensors(frozen.cot2!, file, backend, 'frozen');
  const pairs2 = frozen.cot2!.flatMap((cot, i) =>
    cot && grads[i]?.requires_grad ? [[grads[i], cotangents2[i]] as const] : [],
  );
  const sources = [...leaves, ...pairs.map(([, cotangent]) => cotangent)];
  const grads2 =
    pairs2.length === 0
      ? sources.map(() => null)
      : autograd.grad(
          pairs2.map(([grad]) => grad),
          sources,
          { grad_outputs: pairs2.map(([, cotangent]) => cotangent), allow_unused: true },
        );
  return checkGradients('second gradient', grads2, frozen.grad2!, { ...wanted, slack: 4 });
}

async function checkGradients(
  name: string,
  got: readonly (Tensor | null)[],
  want: readonly (FrozenTensor | null)[],
  wanted: Wanted,
): Promise<string | undefined> {
  if (got.length !== want.length) return `${name}: ${got.length} gradients, want ${want.length}`;
  for (const [i, frozen] of want.entries()) {
    const tensor = got[i];
    if (!frozen || !tensor) {
      // Where it vanishes, whether a second derivative is zeros or nothing follows from how the first was written.
      const isSecond = name.startsWith('second') || /_backward/.test(wanted.case.op);
      const isZero = isSecond && (await vanishes(tensor, frozen, wanted.file));
      if ((frozen || tensor) && !isZero)
        return `${name} ${i} is ${tensor ? 'there' : 'None'}, want ${frozen ? 'a Tensor' : 'None'}`;
      continue;
    }
    const problem = await checkTensor(`${name} ${i}`, tensor, frozen, wanted);
    if (problem) return problem;
  }
  return undefined;
}

async function vanishes(
  tensor: Tensor | null | undefined,
  frozen: FrozenTensor | null,
  file: CaseFile,
): Promise<boolean> {
  const values = tensor ? await readTensor(tensor) : frozen ? valuesOf(frozen, file) : [];
  return values.every((value) => Number(value) === 0);
}
