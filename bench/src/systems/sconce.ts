// Sconce on one backend: `node sconce.js WORKLOAD BUDGET_MS BACKEND`.
import * as torch from 'sconce';
import { measure, modelFile, numbers, workloads } from '../workloads.ts';

async function main(workload: string, budget: number, backend: string): Promise<void> {
  await torch.use(backend);
  const { shapes, inner } = workloads[workload];
  const inputs = shapes.map((shape, i) => torch.tensor(numbers(shape, i)).reshape(shape));
  let output: ArrayLike<number | bigint> = [];
  const check = () => Array.prototype.slice.call(output, 0, 4);
  if (workload === 'resnet18') {
    const model = await torch.jit.load(modelFile(workload, 'pt'));
    model.eval();
    const step = () =>
      torch.no_grad(async () => {
        const result = (await model(inputs[0])) as torch.Tensor;
        output = await result.data();
        result.dispose();
      });
    return measure(step, { inner, budget, check });
  }
  if (workload === 'matmul512') {
    const step = async () => {
      const result = torch.matmul(inputs[0], inputs[1]);
      output = await result.data();
      result.dispose();
    };
    return measure(step, { inner, budget, check });
  }
  if (workload === 'add requires_grad') inputs[0].requires_grad_(true);
  // Python's reference count frees each sum at once; dispose does the same here.
  const step = () => inputs[0].add(inputs[1]).dispose();
  const sum = await inputs[0].add(inputs[1]).data();
  output = sum;
  return measure(step, { inner, budget, check });
}

const [, , workload, budget, backend] = process.argv;
void main(workload, Number(budget), backend);
