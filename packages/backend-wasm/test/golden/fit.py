"""Prints the fitted coefficients of src/math: Chebyshev expansions by mpmath, and a rational erf and tanh for float32.

Run: /usr/bin/python3 packages/backend-wasm/test/golden/fit.py
"""
import mpmath as mp
mp.mp.dps = 50

def chebyshev(f, a, b, n):
    """n coefficients c with f ~ c0 + sum c_k T_k(u), u on [-1, 1]."""
    m = 2 * n
    nodes = [mp.cos(mp.pi * (k + mp.mpf(1) / 2) / m) for k in range(m)]
    values = [f((a + b) / 2 + (b - a) / 2 * u) for u in nodes]
    return [
        (1 if j == 0 else 2) * mp.fsum(v * mp.cos(j * mp.pi * (k + mp.mpf(1) / 2) / m) for k, v in enumerate(values)) / m
        for j in range(n)
    ]

def monomial(c, a, b):
    """The expansion above as coefficients of powers of x, lowest first."""
    n = len(c)
    t = [[mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]]
    while len(t) < n:
        nxt = [mp.mpf(0)] + [2 * v for v in t[-1]]
        for i, v in enumerate(t[-2]): nxt[i] -= v
        t.append(nxt)
    u = [mp.mpf(0)] * n
    for ck, tk in zip(c, t):
        for i, v in enumerate(tk): u[i] += ck * v
    # u = (2 x - a - b) / (b - a)
    s, o = mp.mpf(2) / (b - a), -mp.mpf(a + b) / (b - a)
    out = [mp.mpf(0)] * n
    for i, v in enumerate(u):
        for j in range(i + 1):
            out[j] += v * mp.binomial(i, j) * s**j * o**(i - j)
    return out

def show(name, cs):
    """The doubles nearest to the coefficients, in the shortest digits that read back as them."""
    print(f"export const {name} = [\n  " + ", ".join(repr(float(c)).replace("e-0", "e-") for c in cs) + ",\n];")

one = mp.mpf(1)
show("erfSmall", monomial(chebyshev(lambda t: mp.erf(mp.sqrt(t)) / mp.sqrt(t) if t > 0 else 2 / mp.sqrt(mp.pi), 0 * one, one, 13), 0 * one, one))
def erfcx(t):
    x = mp.mpf('3.75') * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x) * (1 + 2 * x)
show("erfcTail", chebyshev(erfcx, -one, one, 28))
central = lambda w: (lambda x: mp.erfinv(x) / x)(mp.sqrt(-mp.expm1(-w))) if w > 0 else mp.sqrt(mp.pi) / 2
show("erfinvCentral", monomial(chebyshev(central, 0 * one, mp.mpf(6), 11), 0 * one, mp.mpf(6)))
def inverse(q):  # y with erfc(y) = q
    y = mp.sqrt(-mp.log(q * mp.sqrt(mp.pi) * mp.sqrt(-mp.log(q))))
    for _ in range(60):
        d = (mp.erfc(y) - q) / (2 / mp.sqrt(mp.pi) * mp.exp(-y * y))
        y += d / (1 + y * d)
        if abs(d) < mp.mpf(10)**-40: break
    return y
def tail(s):  # s = sqrt(w), w = -log((1 - x) (1 + x)); 1 - x = 1 - sqrt(1 - e^-w)
    e = mp.exp(-s * s)
    return inverse(e / (1 + mp.sqrt(1 - e)))
show("erfinvTail", monomial(chebyshev(tail, mp.sqrt(6), mp.mpf('6.2'), 13), mp.sqrt(6), mp.mpf('6.2')))
# float32 erf: x P(t) / Q(t), t = x^2 on [0, 4^2], by linear least squares on p - g q, reweighted by 1 / q.
def rational(g, hi, np_, nq, rounds=25):
    pts = [hi * (1 - mp.cos(mp.pi * (k + one / 2) / 160)) / 2 for k in range(160)]
    weight = [one] * len(pts)
    for _ in range(rounds):
        rows, rhs = [], []
        for t, w in zip(pts, weight):
            v = g(t)
            rows.append([w * (t / hi)**i for i in range(np_)] + [-w * v * (t / hi)**i for i in range(1, nq)])
            rhs.append(w * v)
        a = mp.matrix(rows); sol = mp.lu_solve(a, mp.matrix(rhs))
        p = [sol[i] / hi**i for i in range(np_)]; q = [one] + [sol[np_ + i - 1] / hi**i for i in range(1, nq)]
        weight = [1 / mp.polyval(q[::-1], t) / g(t) for t in pts]
    err = max(abs(mp.polyval(p[::-1], t) / mp.polyval(q[::-1], t) / g(t) - 1) for t in pts)
    print("// relative error", mp.nstr(err, 3))
    return p, q
p, q = rational(lambda t: mp.erf(mp.sqrt(t)) / mp.sqrt(t), mp.mpf(16), 6, 6)
show("erf32P", p); show("erf32Q", q)
p, q = rational(lambda t: mp.tanh(mp.sqrt(t)) / mp.sqrt(t), mp.mpf(81), 5, 5, 15)
show("tanh32P", p); show("tanh32Q", q)
# float32 exp: (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2.
near = mp.log(2) / 2 * mp.mpf('1.0001')
show("exp32", monomial(chebyshev(lambda r: (mp.expm1(r) - r) / r**2 if abs(r) > 1e-8 else one / 2 + r / 6, -near, near, 5), -near, near))
# The same for softmax, shorter: (e^r - 1) / r with the least largest error of e^r, by Lawson's reweighting.
import numpy as np
edge = float(near)
r = -edge * np.cos(np.pi * (np.arange(2000) + 0.5) / 2000)
powers, wanted = np.stack([r**j for j in range(1, 6)], 1) / np.exp(r)[:, None], np.expm1(r) / np.exp(r)
weights = np.ones(2000)
for _ in range(3000):
    root = np.sqrt(weights)
    c = np.linalg.lstsq(powers * root[:, None], wanted * root, rcond=None)[0]
    e = np.abs(powers @ c - wanted)
    weights *= e / e.max() + 1e-12
    weights /= weights.sum()
show("expOfNegative32", c)
