/** The `sconce` command: what it can be asked, and where each question goes. */
import { TorchError } from '@sconce/core';
import { listBackends } from './backends.ts';
import { convert } from './convert.ts';
import { code, graph, info } from './inspect.ts';
import { run } from './run.ts';
import { build, conformance } from './tools.ts';
import { type Output, UsageError } from './usage.ts';

const usage = `sconce COMMAND

  backends [--json]                    the backends of this machine
  info MODEL [--backend NAME] [--json] what a model file holds, and what a backend lacks for it
  code MODEL                           its TorchScript source
  graph MODEL                          its graph
  run MODEL --input FILE|SHAPE ... [--method NAME] [--backend NAME] [--unoptimized] [--json]
                                       calls it, frozen and fused unless told otherwise: FILE is .npy, .json or what torch.save wrote; SHAPE is ones, such as
                                       1x3x224x224 or 1x16:int64
  convert MODEL --to js|onnx|safetensors|pt [--output FILE] [--input FILE|SHAPE ...] [--method NAME] [--fixed-batch]
                                       writes it in another format, beside it unless told where: a JavaScript module with its
                                       weights, an ONNX model recorded from a run on the inputs, its weights, or PyTorch's own
  conformance --backend MODULE [QUERY ...]
                                       runs the conformance suite on a backend: a path, a package, or wasm
  build libtorch                       compiles the libtorch backend over the LibTorch of this machine

MODEL is a path or a URL. The backend is the first of libtorch, wasm and reference that is here, unless named.`;

const commands: Readonly<Record<string, (args: readonly string[], output: Output) => Promise<number>>> = {
  backends: listBackends,
  info,
  code,
  graph,
  run,
  convert,
  conformance,
  build,
};

const standard: Output = {
  print: (text) => process.stdout.write(`${text}\n`),
  say: (text) => process.stderr.write(`${text}\n`),
};

/** Runs the command; gives the process's exit code: 0, 1 when it failed, 2 for a wrong call. */
export async function main(argv: readonly string[], output: Output = standard): Promise<number> {
  const [name = '--help', ...args] = argv;
  if (name === '--help' || name === 'help' || args.includes('--help')) {
    output.print(usage);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    output.say(`sconce: there is no command '${name}'\n\n${usage}`);
    return 2;
  }
  try {
    return await command(args, output);
  } catch (error) {
    const wrongCall = error instanceof UsageError || isParseError(error);
    if (!(error instanceof TorchError) && !wrongCall && !isSystemError(error)) throw error;
    output.say(`sconce ${name}: ${(error as Error).message}`);
    return wrongCall ? 2 : 1;
  }
}

const codeOf = (error: unknown): string => String((error as { code?: unknown })?.code ?? '');

/** `parseArgs` refusing an option. */
const isParseError = (error: unknown) => codeOf(error).startsWith('ERR_PARSE_ARGS');

/** A file that is not there, may not be read, and the like. */
const isSystemError = (error: unknown) => /^E[A-Z]+$/.test(codeOf(error));
