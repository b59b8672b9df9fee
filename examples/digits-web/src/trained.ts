/**
 * The weights that came of training here, as the bytes of a checkpoint: what the drawing view may use, what a download
 * holds, and what training goes on from when a GPU is lost.
 */
export interface Trained {
  /** As `torch.save(net.state_dict())` wrote them. */
  readonly checkpoint: Uint8Array;
  readonly label: string;
}

let latest: Trained | undefined;
const listeners: (() => void)[] = [];

export const trained = (): Trained | undefined => latest;

export const onTrained = (listener: () => void): void => void listeners.push(listener);

export function publish(next: Trained | undefined): void {
  latest = next;
  for (const listener of listeners) listener();
}
