/** The record of faults: what kernels found wrong with their data, told by the next read. */
import { type CallSite, callSite, KernelFault, operatorInProgress } from '@sconce/core';
import { USAGE } from './flags.ts';

/** Words of the record: taken, kind, index, dim, size, launch. */
const WORDS = 6;
export const FAULT_BYTES: number = 4 * 8;

/** Binding, function and layout of the record in a shader. `launch` is the expression that gives the dispatch's number. */
export const faultText = (binding: number, launch: string): string => `
@group(0) @binding(${binding}) var<storage, read_write> faults: array<atomic<u32>, ${FAULT_BYTES / 4}>;
fn record_fault(kind: u32, index: i32, dim: i32, size: i32) {
  if (atomicLoad(&faults[0]) != 0u || atomicExchange(&faults[0], 1u) != 0u) { return; }
  atomicStore(&faults[1], kind);
  atomicStore(&faults[2], bitcast<u32>(index));
  atomicStore(&faults[3], bitcast<u32>(dim));
  atomicStore(&faults[4], bitcast<u32>(size));
  atomicStore(&faults[5], bitcast<u32>(${launch}));
}`;

/** Nobody keeps the stacks of a loop that never reads. */
const MOST_SITES = 4096;

export class FaultRecord {
  readonly buffer: GPUBuffer;
  private launch = 0;
  private sites = new Map<number, CallSite | string>();
  /** Whether a program that can fault was issued since the record was last fetched. */
  isOpen = false;

  constructor(device: GPUDevice) {
    this.buffer = device.createBuffer({
      label: 'faults',
      size: FAULT_BYTES,
      usage: USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST,
    });
  }

  /** The number of a launch that may fault; notes where it was issued. */
  next(): number {
    this.isOpen = true;
    this.launch = (this.launch + 1) & 0x7fffffff;
    if (this.sites.size >= MOST_SITES) this.sites.delete(this.sites.keys().next().value!);
    this.sites.set(this.launch, callSite() ?? operatorInProgress() ?? 'a kernel');
    return this.launch;
  }

  /** Copies the record to byte `at` of `staging` and starts a new one. Returns what the copy will be read with. */
  fetch(encoder: GPUCommandEncoder, staging: GPUBuffer, at: number): void {
    encoder.copyBufferToBuffer(this.buffer, 0, staging, at, FAULT_BYTES);
    encoder.clearBuffer(this.buffer, 0, FAULT_BYTES);
  }

  /** The sites of the launches since the last fetch, which go with the copy. */
  close(): ReadonlyMap<number, CallSite | string> {
    const { sites } = this;
    this.sites = new Map();
    this.isOpen = false;
    return sites;
  }
}

/** What a copy of the record says, if anything. */
export function faultIn(
  bytes: ArrayBuffer,
  at: number,
  sites: ReadonlyMap<number, CallSite | string>,
): KernelFault | undefined {
  const [taken, kind, index, dim, size, launch] = new Int32Array(bytes, at, WORDS);
  if (taken === 0) return undefined;
  const site = sites.get(launch!);
  return kind === 1
    ? new KernelFault('index', { index, dim, size }, site)
    : new KernelFault('division', {}, site);
}
