/** The net of the proposal, trained on MNIST in the page: PyTorch's own loop, with one `await` a step. */
import * as torch from 'sconce';
import { nn, optim, type Tensor } from 'sconce';
import { fetchDigits, say, show, start } from './digits.ts';

class Net extends nn.Module {
  convs = nn.Sequential(
    nn.Conv2d(1, 16, 5, { stride: 1, padding: 2 }),
    nn.MaxPool2d(2),
    nn.ReLU(),
    nn.Conv2d(16, 32, 5, { stride: 1, padding: 2 }),
    nn.MaxPool2d(2),
    nn.ReLU(),
  );
  mlp = nn.Linear(32 * 7 * 7, 10);

  override forward(input: Tensor): Tensor {
    const x = this.convs(input);
    return this.mlp(x.view([x.size(0), -1]));
  }
}

/** `?backend=wasm` trains elsewhere; `?images=` trains on fewer. */
const query = new URLSearchParams(location.search);
const COUNT = Number(query.get('images') ?? 5000);
const BATCH = 50;

start(async () => {
  await torch.use(query.get('backend') ?? 'webgpu');
  torch.manual_seed(0);
  const [train, test] = await Promise.all([fetchDigits('train-0'), fetchDigits('test-0')]);
  const images = torch.tensor(train.pixels).view([-1, 1, 28, 28]);
  const labels = torch.tensor(train.labels).to(torch.int64);

  const net = new Net();
  const optimizer = optim.Adam(net.parameters(), { lr: 1e-3 });
  for (let from = 0; from < COUNT; from += BATCH) {
    // The scope frees a step's tensors at once; what it returns lives on.
    const loss = torch.scope(() => {
      optimizer.zero_grad();
      const logits = net(images.slice(0, from, from + BATCH));
      const loss = nn.functional.cross_entropy(logits, labels.slice(0, from, from + BATCH));
      loss.backward();
      optimizer.step();
      return loss.detach();
    });
    // Reading a value waits for the device, so the page stays responsive.
    say(`${from + BATCH} of ${COUNT} images: loss ${Number(await loss.item()).toFixed(3)}`);
  }

  net.eval();
  const unseen = torch.tensor(test.pixels).view([-1, 1, 28, 28]).slice(0, 0, 1000);
  const answers = await torch.no_grad(() => net(unseen).argmax(1)).data();
  const right = Array.from(answers as BigInt64Array).filter((digit, i) => Number(digit) === test.labels[i]);
  say(`${right.length / 10} % of 1,000 digits right, trained on ${torch.backend_name()}`);
  show(test, Array.from(answers as BigInt64Array).slice(0, 40));
});
