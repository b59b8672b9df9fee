/** `torch.no_grad` and its kin as TorchScript classes, which `with` enters and leaves. */
import { parseFile } from '../frontend/parser.ts';
import { Source } from '../frontend/source.ts';
import type { Sugared } from '../frontend/sugared.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import { PythonNames } from './names.ts';
import { TextScope } from './scope.ts';

const mode = (name: string, entered: string): string => `
class ${name}:
    def __init__(self) -> None:
        self.prev = False

    def __enter__(self) -> None:
        self.prev = torch.is_grad_enabled()
        torch.set_grad_enabled(${entered})

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        torch.set_grad_enabled(self.prev)
`;

const text = mode('no_grad', 'False') + mode('enable_grad', 'True');

const scopes = new WeakMap<CompilationUnit, TextScope>();

/** The class of this name in a unit; undefined for any other name. */
export function gradMode(unit: CompilationUnit, name: string): Sugared | undefined {
  if (name !== 'no_grad' && name !== 'enable_grad') return undefined;
  let scope = scopes.get(unit);
  if (!scope) {
    scope = new TextScope(unit, new PythonNames(unit, {}), '__torch__.torch.autograd.grad_mode.');
    scope.add(parseFile(new Source(text, 'torch/autograd/grad_mode.py'), { dialect: 'python' }));
    scopes.set(unit, scope);
  }
  return scope.resolve(name);
}
