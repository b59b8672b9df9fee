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

export interface Threaded {
  /** What `get_num_threads` says. */
  readonly threads: number;
  /** The memory is shared with workers. */
  readonly isShared: boolean;
  /** Threads that made calls of a kernel. */
  readonly busy: number;
  readonly sum: number;
}

/** A product of matrices, again and again until workers have had a part in it; where there may be none, a few times. */
export async function onThreads(torch: typeof Torch, query: URLSearchParams): Promise<Threaded> {
  const threads = query.has('threads') ? Number(query.get('threads')) : undefined;
  await torch.use('wasm', threads === undefined ? {} : { threads });
  const x = torch.ones(384, 384);
  const { heap } = (x as unknown as { storage: { backend: Heaped } }).storage.backend;
  const isShared = !(heap.memory.buffer instanceof ArrayBuffer);
  const busy = (): number => heap.team.calls().filter((n) => n > 0).length;
  let sum = 0;
  for (let i = 0; i < (isShared ? 500 : 5) && busy() < 2; i++) {
    sum = (await (x.matmul(x).sum() as Torch.Tensor).item()) as number;
    // Workers come up while the page has nothing to do.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { threads: torch.get_num_threads(), isShared, busy: busy(), sum };
}

interface Heaped {
  readonly heap: { readonly memory: WebAssembly.Memory; readonly team: { calls(): number[] } };
}
