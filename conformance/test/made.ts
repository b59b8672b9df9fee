/** Programs that are made here, each saved, with calls and their results: what conformance/bin/round-trip.ts has PyTorch run. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type Module, manual_seed, no_grad } from '@sconce/core';
import { CompilationUnit, load, type ScriptFunction, type ScriptModule, script, trace } from '@sconce/jit';
import { cases } from '../../packages/jit/test/javascript/nn.ts';
import { modules, twins } from '../../packages/jit/test/javascript/programs.ts';
import { encode, type Json } from '../../packages/jit/test/values.ts';
import { inputs as traceInputs } from '../../packages/sconce/test/trace/canonical.ts';
import { functions, models } from '../../packages/sconce/test/trace/programs.ts';

export interface Made {
  readonly name: string;
  readonly saved: Uint8Array;
  /** What the archive prints once it is loaded here. */
  readonly code: string;
  readonly graph: string;
  /** Arguments and results in the form of packages/jit/test/values.ts. */
  readonly calls: readonly {
    readonly args: readonly Json[];
    readonly result?: Json;
    readonly error?: string;
  }[];
  /** The generator's, before each call. */
  readonly seed: number;
  /** Whether the calls are made with gradients on. */
  readonly grad: boolean;
  /** The buffers after the calls. */
  readonly buffers?: Readonly<Record<string, Json>>;
}

/** One program to be made; it may fail, and then says why. */
export interface Making {
  readonly name: string;
  make(): Promise<Made>;
}

type Program = ScriptModule | ScriptFunction;

const seed = 7;

async function archived(program: Program): Promise<Pick<Made, 'saved' | 'code' | 'graph'>> {
  const saved = await program.save_to_buffer();
  const again = await load(saved);
  return { saved, code: again.code, graph: String(again.graph) };
}

/** A program that is called once, as the generator says it now. */
async function called(name: string, program: Program, args: readonly unknown[]): Promise<Made> {
  const made = await archived(program);
  const spelled = await Promise.all(args.map(encode));
  manual_seed(seed);
  const result = await no_grad(() => (program as (...args: unknown[]) => Promise<unknown>)(...args));
  const buffers: Record<string, Json> = {};
  if ('named_buffers' in program)
    for (const [path, tensor] of (program as ScriptModule).named_buffers())
      buffers[path] = await encode(tensor);
  return {
    name,
    ...made,
    seed,
    grad: false,
    calls: [{ args: spelled, result: await encode(result) }],
    buffers,
  };
}

const unchecked = { check_trace: false, strict: false };

/** The two ways from a module to a program. */
export const ways: Readonly<Record<string, (module: Module, args: unknown[]) => Program | Promise<Program>>> =
  {
    scripted: (module) => script(module),
    traced: (module, args) => trace(module, args, unchecked),
  };

/** Every module of nn, scripted and traced, as it is trained and as it is used. */
function ofModules(): Making[] {
  return Object.entries(cases).flatMap(([name, [make, inputs]]) =>
    Object.entries(ways).flatMap(([way, through]) =>
      [false, true].map((training) => {
        const full = `${name}, ${way}${training ? ', training' : ''}`;
        return {
          name: full,
          async make() {
            manual_seed(seed);
            const args = inputs();
            const module = make().train(training);
            const twin = make().train(training);
            twin.load_state_dict(module.state_dict());
            return called(full, await through(twin, args), args);
          },
        };
      }),
    ),
  );
}

const read = (url: string): Json => JSON.parse(readFileSync(new URL(url, import.meta.url), 'utf8'));

/** The programs of conformance/models/programs_text.py, compiled here from their Python source; the answers are PyTorch's. */
function ofText(): Making[] {
  return read('../models/text.json').cases.map(({ name, text, calls }: Json) => ({
    name,
    async make() {
      const unit = new CompilationUnit(text, {}, { prefix: '__torch__.' });
      return {
        name,
        ...(await archived(unit.find_function(name) as ScriptFunction)),
        seed,
        grad: true,
        calls,
      };
    },
  }));
}

/** JavaScript functions, whose answers are those that PyTorch gave to their twins in Python, and modules of our own. */
function ofFunctions(): Making[] {
  const shapes: Readonly<Record<string, readonly number[]>> = { MyRNNLoop: [5, 3, 4], Net: [3, 4] };
  const ofOurs = Object.entries(modules).map(([name, make]) => ({
    name,
    async make() {
      manual_seed(seed);
      return called(name, script(make()), traceInputs([shapes[name]]));
    },
  }));
  const goldens = read('../../packages/jit/test/archives/javascript.json');
  const ofTwins = Object.entries(twins).map(([name, { f, schema, given = {} }]) => ({
    name,
    async make() {
      const program = schema ? script(f as never, schema, given) : script(f as never, given);
      return {
        name,
        ...(await archived(program as unknown as Program)),
        seed,
        grad: true,
        calls: goldens[name].calls,
      };
    },
  }));
  return [...ofTwins, ...ofOurs];
}

/** Functions and models of packages/sconce/test/trace, traced. */
function ofTraces(): Making[] {
  const path = new URL('../models/trace.json.gz', import.meta.url);
  const goldens = JSON.parse(gunzipSync(readFileSync(path)).toString());
  const one = (kind: 'functions' | 'models', name: string): Making => ({
    name: `${name}, traced`,
    async make() {
      manual_seed(seed);
      const args = traceInputs(goldens[kind][name].shapes);
      const subject = kind === 'functions' ? functions[name] : models[name]();
      return called(`${name}, traced`, (await trace(subject as never, args, unchecked)) as Program, args);
    },
  });
  return (['functions', 'models'] as const).flatMap((kind) =>
    Object.keys(goldens[kind]).map((name) => one(kind, name)),
  );
}

/** By the command's flag. */
export const makings: Readonly<Record<string, () => Making[]>> = {
  modules: ofModules,
  text: ofText,
  functions: ofFunctions,
  traces: ofTraces,
};
