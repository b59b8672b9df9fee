/** The shortest program that still fails: statements are left out, and results replaced by what they were made from. */
import { type Program, renumber, resultsIn, type Statement } from './program.ts';

/** Without a statement and all that needs its result. */
function without(program: Program, at: number): Program {
  const gone = new Set([at]);
  program.forEach((s, i) => {
    if (s.kind === 'call' && resultsIn(s.args).some((r) => gone.has(r))) gone.add(i);
  });
  return renumbered(program, gone, new Map());
}

/** With a statement's first argument in its place. */
function bypassed(program: Program, at: number): Program | undefined {
  const statement = program[at];
  if (statement.kind !== 'call' || statement.isInplace) return undefined;
  const [first] = resultsIn(statement.args);
  return first === undefined ? undefined : renumbered(program, new Set([at]), new Map([[at, first]]));
}

function renumbered(
  program: Program,
  gone: ReadonlySet<number>,
  instead: ReadonlyMap<number, number>,
): Program {
  const to = new Map<number, number>();
  const kept: Statement[] = [];
  program.forEach((s, i) => {
    if (gone.has(i)) {
      const other = instead.get(i);
      if (other !== undefined) to.set(i, to.get(other)!);
      return;
    }
    to.set(i, kept.length);
    kept.push(s.kind === 'create' ? s : { ...s, args: s.args.map((arg) => renumber(arg, to)) });
  });
  return kept;
}

function* smaller(program: Program): Generator<Program> {
  for (let i = program.length - 1; i >= 0; i--) yield without(program, i);
  for (let i = program.length - 1; i >= 0; i--) {
    const next = bypassed(program, i);
    if (next) yield next;
  }
  for (const [i, s] of program.entries()) {
    if (s.kind !== 'create') continue;
    const other = (change: Partial<typeof s>): Program => program.with(i, { ...s, ...change });
    if (s.requires_grad) yield other({ requires_grad: false });
    if (s.seed !== 0) yield other({ seed: 0 });
    for (const [d, size] of s.shape.entries())
      if (size > 1) yield other({ shape: s.shape.with(d, Math.ceil(size / 2)) });
  }
}

/** Goes on while a smaller program fails as well. */
export function shrink(program: Program, fails: (candidate: Program) => boolean): Program {
  let best = program;
  for (let steps = 0; steps < 200; steps++) {
    let found: Program | undefined;
    for (const candidate of smaller(best))
      if (candidate.length > 0 && fails(candidate)) {
        found = candidate;
        break;
      }
    if (!found) return best;
    best = found;
  }
  return best;
}
