/** Queries and expected failures: the text by which cases are selected. */
import { describe, expect, it } from 'vitest';
import { Expectations } from '../src/expectations.ts';
import { formatId, parseQuery } from '../src/query.ts';

const id = {
  layer: 'ops',
  name: 'softmax.int',
  params: { dtype: 'float32', sample: '3', layout: 'strided' },
};

describe('queries', () => {
  it('select the case whose id they are', () => {
    expect(formatId(id)).toBe('ops:softmax.int:dtype=float32;sample=3;layout=strided');
    expect(parseQuery(formatId(id))(id)).toBe(true);
  });

  it.each([
    'ops',
    'ops:softmax.int',
    'ops:softmax.*',
    '*:soft*',
    'ops:softmax.int:dtype=float32;*',
    'ops:*:layout=strided;dtype=float*',
  ])('select by a part of it: %s', (text) => expect(parseQuery(text)(id)).toBe(true));

  it.each([
    'op',
    'ops:softmax',
    'kernels:softmax.int',
    'ops:softmax.int:dtype=float64',
    'ops:*:sample=3;form=inplace',
    'ops:softmaxXint',
  ])('leave others out: %s', (text) => expect(parseQuery(text)(id)).toBe(false));

  it.each(['', 'ops:a:b', 'ops:a:b=1:c', 'two words'])('are refused when they are none: %j', (text) => {
    expect(() => parseQuery(text)).toThrow('not a query');
  });
});

describe('expected failures', () => {
  it('give their reason, and name the line that matches nothing', () => {
    const expectations = new Expectations(
      '# a comment\n\nfail ops:softmax.int:dtype=float32;*  # known\nfail ops:gone  # old\n',
    );
    expect(expectations.reasonFor(id)).toBe('known');
    expect(expectations.unused(['ops'])).toEqual(["line 4: 'ops:gone' matches no case"]);
    expect(expectations.unused(['kernels'])).toEqual([]);
  });

  it('must have a reason', () => {
    expect(() => new Expectations('fail ops:add.Tensor')).toThrow('line 1');
  });
});
