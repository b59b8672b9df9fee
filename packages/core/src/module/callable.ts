/** Classes that may be called without `new`, as Python's are. */

// biome-ignore lint/suspicious/noExplicitAny: any constructor
type Constructor = new (...args: any[]) => any;

/** A class that makes an instance with and without `new`. */
export type Callable<C extends Constructor> = C & ((...args: ConstructorParameters<C>) => InstanceType<C>);

/**
 * Lets a class be called without `new`; only the class is wrapped, not its instances. `name` is what the class is
 * called in print, whatever a minifier makes of its own name.
 */
export function callable<C extends Constructor>(cls: C, name?: string): Callable<C> {
  if (name !== undefined) Object.defineProperty(cls, 'name', { value: name, configurable: true });
  return new Proxy(cls, { apply: (target, _, args) => new target(...args) }) as Callable<C>;
}
