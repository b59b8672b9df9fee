/** The net that examples/digits/train.py trains in PyTorch, with the same names: a checkpoint of one fits the other. */
import * as torch from 'sconce';
import { nn, type Tensor } from 'sconce';

/** Two convolutions and two linear layers; takes images [N, 1, 28, 28] with values from 0 to 1, returns logits. */
export class Digits extends nn.Module {
  features = nn.Sequential(
    nn.Conv2d(1, 8, 3, { padding: 1, bias: false }),
    nn.BatchNorm2d(8),
    nn.ReLU({ inplace: true }),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, { padding: 1, bias: false }),
    nn.BatchNorm2d(16),
    nn.ReLU({ inplace: true }),
    nn.MaxPool2d(2),
  );
  classifier = nn.Sequential(
    nn.Dropout(0.25),
    nn.Linear(16 * 7 * 7, 64),
    nn.ReLU({ inplace: true }),
    nn.Dropout(0.25),
    nn.Linear(64, 10),
  );

  override forward(x: Tensor): Tensor {
    const features = this.features(x.sub(0.1307).div(0.3081));
    return this.classifier(torch.flatten(features, 1));
  }
}

/** The net with a checkpoint's weights, on the backend in use. */
export async function digitsFrom(checkpoint: Uint8Array): Promise<Digits> {
  const net = new Digits();
  await net.load_state_dict(checkpoint);
  return net;
}
