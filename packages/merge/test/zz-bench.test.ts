import { test } from 'vitest'
import { collection, place, count } from '/work/main/packages/merge/src/index.ts'
import { keysFor } from '/work/main/packages/merge/src/keys.ts'
test('bench', () => {
  const names = ['a','b','c','d','e','f','g','h']
  const c = collection('t', Object.fromEntries(names.map(n => [n, ''])) as any)
  const p: any = c.policy
  const ref = c.at('x')
  const N = 10000
  for (let round = 0; round < 5; round++) {
    const stamp = { at: round, writer: 'w' }
    const payloads = Array.from({ length: N }, (_, i) => JSON.parse(JSON.stringify([1, 1, ...names.flatMap((n) => [0, n, n + i])])))
    let t = performance.now()
    const states = payloads.map((q) => p.apply(undefined, q, stamp))
    const a = performance.now() - t; t = performance.now()
    const views = states.map((s) => p.read(s, ref))
    const b = performance.now() - t; t = performance.now()
    const next = states.map((s) => p.apply(s, [2, 1, 0, 'c', 'z'], { at: round + 10, writer: 'w' }))
    const d = performance.now() - t; t = performance.now()
    const next2 = next.map((s) => p.apply(s, [2, 1, 0, 'd', 'z'], { at: round + 20, writer: 'w' }))
    const d2 = performance.now() - t; t = performance.now()
    const drafts = payloads.map((_, i) => p.finish(p.edit(p.draft(undefined, ref), { kind: 'create', value: { a: 'a' + i, b: 'b', c: 'c', d: 'd', e: 'e', f: 'f', g: 'g', h: 'h' } }, ref, { stamp, seed: 's' }), ref))
    const e = performance.now() - t; t = performance.now()
    payloads.forEach((_, i) => c.at('id' + i))
    const f = performance.now() - t
    console.log(`apply ${(a / N * 1000).toFixed(2)} read ${(b / N * 1000).toFixed(2)} update ${(d / N * 1000).toFixed(2)} ${(d2 / N * 1000).toFixed(2)} create-edit ${(e / N * 1000).toFixed(2)} at() ${(f / N * 1000).toFixed(2)} us`)
  }
  for (const where of ['start', 'afterFirst', 'middle', 'end', 'zigzag', 'random', 'beforeLast']) {
    let items: any[] = []
    let longest = 0, rekeyed = 0, total = 0
    const t = performance.now()
    let r = 1
    for (let i = 0; i < 10000; i++) {
      const n = items.length
      r = (r * 1103515245 + 12345) >>> 0
      let at = where === 'start' ? 0 : where === 'afterFirst' ? Math.min(1, n) : where === 'middle' ? n >> 1 : where === 'end' ? n : where === 'beforeLast' ? Math.max(0, n - 1) : where === 'random' ? (r >>> 8) % (n + 1) : 0
      if (where === 'zigzag') at = (n + 1) >> 1
      const from = Math.max(0, at - 64)
      const out = keysFor(items.slice(from, at + 64), at - from, 1, 'writer' + i)
      for (const { id, key } of out.rekeyed) { items[items.findIndex((x) => x.id === id)] = { id, key } }
      rekeyed += out.rekeyed.length
      items.splice(at, 0, { id: 'i' + i, key: out.keys[0] })
      longest = Math.max(longest, out.keys[0].length); total += out.keys[0].length
    }
    for (let i = 1; i < items.length; i++) if (!(items[i - 1].key < items[i].key)) throw new Error('order ' + where)
    console.log(where, 'longest', longest, 'avg', total / 10000, 'rekeyed', rekeyed, (performance.now() - t).toFixed(0), 'ms')
  }
})
