/** `torch.jit.save`: what was loaded, scripted or traced, as an archive that PyTorch and LibTorch load. */
import { TorchError } from '@sconce/core';
import { type JitSaveOptions, writeArchive } from './archive/write.ts';
import { copyGraph } from './ir/copy.ts';
import { Func } from './ir/function.ts';
import { BoolT, ClassType } from './ir/types.ts';
import { ScriptObject } from './ops/value.ts';
import type { Program } from './program.ts';

/** A path's own name without its last extension: the folder inside the archive. */
const stem = (path: string): string => path.replace(/^.*[/\\]/, '').replace(/\.[^.]*$/, '') || 'archive';

/** Puts bytes where a path says, whole or not at all. */
export type FileWriter = (path: string, bytes: Uint8Array) => Promise<void>;

let writeFile: FileWriter = (path) => {
  throw new TorchError(
    `cannot write '${path}': there is no file system here; take save_to_buffer's bytes instead`,
  );
};

/** Says how files are written here; the package that knows the platform does. */
export function set_file_writer(writer: FileWriter): void {
  writeFile = writer;
}

/** Writes an object's archive to a path. */
export async function saveObject(
  path: string,
  object: ScriptObject,
  program: Program,
  options?: JitSaveOptions,
): Promise<void> {
  await writeFile(path, await writeArchive(object, program, { ...options, name: stem(path) }));
}

/** A function as PyTorch saves it: the `forward` of a module that has nothing else. */
export function moduleOfFunction(func: Func): ScriptObject {
  const type = new ClassType('__torch__.PlaceholderModule', true);
  // As PyTorch does: what is loaded as a module has this attribute.
  type.addAttribute({ name: 'training', type: BoolT, role: 'attribute' });
  const { params, returns } = func.signature;
  const signature = {
    name: 'forward',
    params: [{ name: 'self', type, hasDefault: false, kwargOnly: false }, ...params],
    returns,
  };
  type.methods.set(
    'forward',
    new Func(
      'forward',
      () => signature,
      () => {
        const graph = copyGraph(func.graph);
        const { outputs } = graph.block.paramNode;
        graph.block.paramNode.addOutput(type).setDebugName('self');
        outputs.unshift(outputs.pop()!);
        outputs.forEach((output, i) => {
          output.offset = i;
        });
        return graph;
      },
    ),
  );
  const object = new ScriptObject(type);
  object.set('training', true);
  return object;
}
