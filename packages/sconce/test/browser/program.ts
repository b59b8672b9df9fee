/** What a page runs, and Node too: a TorchScript archive's answers, a training step, a fault; as plain numbers. */
import type * as Torch from 'sconce';

export interface Result {
  readonly backend: string;
  readonly answers: number[];
  readonly losses: number[];
  readonly fault: string;
  readonly printed: string;
}

type Options = Parameters<typeof Torch.use>[0];

export async function run(
  torch: typeof Torch,
  archive: string,
  options?: Options,
  name = 'wasm',
): Promise<Result> {
  const backend = await torch.use(name, ...(options ? [options] : []));
  const { nn, optim } = torch;
  torch.manual_seed(0);
  const model = await torch.jit.load(archive);
  const answers = (await model(torch.randn(2, 1, 28, 28))) as Torch.Tensor;

  const net = nn.Sequential(
    nn.Conv2d(1, 4, 3),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(144, 10),
  );
  const optimizer = optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
  const [x, target] = [torch.randn(4, 1, 8, 8), torch.randint(10, [4])];
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    optimizer.zero_grad();
    const loss = nn.CrossEntropyLoss()(net(x), target) as Torch.Tensor;
    loss.backward();
    optimizer.step();
    losses.push((await loss.item()) as number);
  }

  // On this thread the call throws; from a worker the read does.
  const look = async (): Promise<unknown> =>
    (torch.embedding(torch.randn(3, 2), torch.tensor([7])) as Torch.Tensor).data();
  const fault = await look().then(
    () => 'none',
    (error: Error) => error.message.replace(/ \(called at .*\)$/, ''),
  );
  return {
    backend,
    answers: Array.from((await answers.data()) as Float32Array),
    losses,
    fault,
    printed: String(net),
  };
}
