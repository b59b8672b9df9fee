/** Classes that may be called without `new`, as Python's are. */

// biome-ignore lint/suspicious/noExplicitAny: any constructor
type Constructor = new (...args: any[]) => any;

/** A class that makes an instance with and without `new`. */
export type Callable<C extends Constructor> = C & ((...args: ConstructorParameters<C>) => InstanceType<C>);

const callables = new WeakSet<object>();

/** Whether a class was made with `callable`, as every class of nn is, and no user's. */
export const isCallableClass = (cls: object): boolean => callables.has(cls);

/**
 * Lets a class be called without `new`; only the class is wrapped, not its instances. `name` is what the class is
 * called in print, whatever a minifier makes of its own name.
 */
export function callable<C extends Constructor>(cls: C, name?: string): Callable<C> {
  if (name !== undefined) Object.defineProperty(cls, 'name', { value: name, configurable: true });
  callables.add(cls);
  return new Proxy(cls, { apply: (target, _, args) => new target(...args) }) as Callable<C>;
}
