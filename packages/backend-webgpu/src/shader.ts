/** One compute shader as it is written: its operands, the numbers that come with the call, and what it uses. */
import type { DType } from '@sconce/core';
import { faultText } from './device/faults.ts';
import { storageType } from './memory.ts';

export interface Operand {
  readonly dtype: DType;
  /** Whether any element is written; an operand that is written may be read as well. */
  readonly writes: boolean;
  /** Declared as `array<atomic<u32>>` (an int64 is two of them): no view of another operand may lie in its buffer. */
  readonly isAtomic?: boolean;
  /** Declared as an array of four elements each: so must be every operand in its buffer, and indices count fours. */
  readonly isVector?: boolean;
}

/** How a program is written. `write` runs once per way in which the operands share buffers. */
export interface Recipe {
  /** Names the kernel in errors and profiles. */
  readonly label: string;
  readonly operands: readonly Operand[];
  readonly workgroupSize: readonly [number, number, number];
  /** Whether it uses subgroup operations (a feature that the device must have); `lane` is then the number in the subgroup. */
  readonly subgroups?: boolean;
  /** The statements of `main`. Builtins in reach: `gid`, `lid`, `wid`, `groups` (vec3<u32>) and `li` (u32, the local index). */
  readonly write: (shader: Shader) => string;
}

/** Functions that shaders share, by name: text, and the functions that it calls. */
export interface LibraryFunction {
  readonly text: string;
  readonly uses?: readonly string[];
}

export class Shader {
  private readonly declarations: string[] = [];
  private readonly used = new Set<string>();
  private slots = 0;
  private names = 0;
  /** Set by `fault`: the program then binds the device's fault record. */
  faults = false;

  /**
   * @param bindings the binding of each operand: operands in one buffer share one
   * @param library where `use` finds functions
   */
  constructor(
    readonly operands: readonly Operand[],
    readonly bindings: readonly number[],
    private readonly library: Readonly<Record<string, LibraryFunction>>,
  ) {}

  /** The next number of the call, an i32. */
  i32(): string {
    return this.slot();
  }

  /** The next number of the call, an f32. */
  f32(): string {
    return `bitcast<f32>(${this.slot()})`;
  }

  /** The next two numbers of the call: an int64 as (low, high) words. */
  i64(): string {
    const low = this.slot();
    return `vec2<u32>(bitcast<u32>(${low}), bitcast<u32>(${this.slot()}))`;
  }

  /** How many numbers were asked for. */
  get numbers(): number {
    return this.slots;
  }

  private slot(): string {
    const n = this.slots++;
    return `numbers[${n >> 2}].${'xyzw'[n & 3]}`;
  }

  /** The name of the array that holds an operand; its elements have `storageType[dtype]`. */
  array(operand: number): string {
    return `b${this.bindings[operand]}`;
  }

  /** An element as stored. Index: any integer expression. */
  load(operand: number, index: string): string {
    return `${this.array(operand)}[${index}]`;
  }

  /** A statement that stores an element in its storage type. */
  store(operand: number, index: string, value: string): string {
    return `${this.array(operand)}[${index}] = ${value};`;
  }

  /** A name that nothing else in the shader has. */
  name(): string {
    return `v${this.names++}`;
  }

  /** Makes a library function available, and returns its name. */
  use(name: string): string {
    if (this.used.has(name)) return name;
    const entry = this.library[name];
    if (!entry) throw new Error(`no WGSL function is called ${name}`);
    this.used.add(name);
    for (const other of entry.uses ?? []) this.use(other);
    this.declarations.push(entry.text);
    return name;
  }

  /** Text at module scope: workgroup variables, functions of this kernel alone. */
  declare(text: string): void {
    this.declarations.push(text);
  }

  /** A statement that records a fault: the first one is what the next read reports. `detail`s are i32 expressions. */
  fault(kind: 'index' | 'division', index = '0', dim = '0', size = '0'): string {
    this.faults = true;
    return `record_fault(${kind === 'index' ? 1 : 2}u, ${index}, ${dim}, ${size});`;
  }

  /** The whole module. `numbers` is binding `buffers`, the fault record the one after it. */
  text({ workgroupSize, subgroups = false, write }: Recipe): string {
    const body = write(this);
    const buffers = Math.max(-1, ...this.bindings) + 1;
    const arrays = Array.from({ length: buffers }, (_, b) => {
      const sharing = this.operands.filter((_, i) => this.bindings[i] === b);
      const access = sharing.some((o) => o.writes) ? 'read_write' : 'read';
      const { dtype, isAtomic, isVector } = sharing[0]!;
      const element = storageType[dtype];
      const type = isAtomic ? 'atomic<u32>' : isVector ? `vec4<${element}>` : element;
      return `@group(0) @binding(${b}) var<storage, ${access}> b${b}: array<${type}>;`;
    });
    // The number of the launch comes after those of the call.
    const vectors = Math.max(1, Math.ceil((this.slots + (this.faults ? 1 : 0)) / 4));
    return `${subgroups ? 'enable subgroups;\n' : ''}${arrays.join('\n')}
@group(0) @binding(${buffers}) var<uniform> numbers: array<vec4<i32>, ${vectors}>;
${this.faults ? faultText(buffers + 1, `numbers[${this.slots >> 2}].${'xyzw'[this.slots & 3]}`) : ''}
${this.declarations.join('\n')}
@compute @workgroup_size(${workgroupSize.join(', ')})
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>,
        @builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) li: u32${subgroups ? ', @builtin(subgroup_invocation_id) lane: u32' : ''}) {
${body}
}
`;
  }
}
