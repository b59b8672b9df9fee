import { describe, expect, it } from 'vitest';
import { allOperators, lazySchema, parseSchema, TorchError } from '../../src/index.ts';
import { beginsWithSelf, takesSelf, writesArgument } from '../../src/schema/schema.ts';

describe('a schema that is read at its first use', () => {
  it('says of every operator what the one read at once says', () => {
    const all = allOperators();
    expect(all.length).toBeGreaterThan(1000);
    for (const { schema } of all) expect({ ...parseSchema(schema.text) }).toEqual(fieldsOf(schema));
  });

  it('tells by the text alone whether an operator writes, and whether it is a method', () => {
    for (const { schema, signature } of allOperators()) {
      expect(writesArgument(schema), schema.text).toBe(schema.args.some((a) => a.alias?.write));
      expect(takesSelf(schema), schema.text).toBe(signature.self >= 0);
      expect(beginsWithSelf(schema), schema.text).toBe(signature.self === 0);
    }
  });

  it('refuses a text without a name at once, and one with a wrong argument when that is asked for', () => {
    expect(() => lazySchema('(Tensor x) -> Tensor')).toThrow(TorchError);
    const schema = lazySchema('my::scale.Tensor(Tensor x, =) -> Tensor');
    expect(schema.name).toBe('my::scale.Tensor');
    expect(() => schema.args).toThrow(TorchError);
  });
});

const fieldsOf = ({
  namespace,
  base,
  overload,
  name,
  args,
  returns,
  isVararg,
  text,
}: ReturnType<typeof lazySchema>) => ({
  namespace,
  base,
  overload,
  name,
  args,
  returns,
  isVararg,
  text,
});
