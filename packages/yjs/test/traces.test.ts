import { expect, test } from 'vitest'
import { readTrace } from './trace.ts'
import { insert, note, remove, Site } from './world.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'

test.each([
  ['friendsforever', 2],
  ['clownschool', 3],
] as const)(
  '[TE15] what people typed at once in %s ends in the same text for all, and in their own',
  (name, agents) => {
    const { txns, numAgents, endContent } = readTrace(name)
    expect(numAgents).toBe(agents)
    const sites = Array.from({ length: numAgents }, (_, i) => new Site(i, numAgents))
    for (const site of sites) site.open(note)
    /** By transaction: how many Changes of each author are in its past, itself included. */
    const pasts: number[][] = []
    let concurrent = 0
    const most = isLong ? txns.length : 3_000
    for (const { parents, agent, patches } of txns.slice(0, most)) {
      const past = sites.map((_, i) => Math.max(0, ...parents.map((parent) => pasts[parent]![i]!)))
      const site = sites[agent]!
      for (const [from, other] of sites.entries()) {
        if (from === agent) continue
        for (let seq = site.seen[from]! + 1; seq <= past[from]!; seq++) site.receive(other.sent[seq - 1]!)
        if (other.sent.length > past[from]!) concurrent += 1
      }
      site.transact(note, ...patches.flatMap(([at, removed, inserted]) => [remove(at, removed), insert(at, inserted)]))
      past[agent] = site.sent.length
      pasts.push(past)
    }
    for (const [to, site] of sites.entries()) {
      for (const [from, { sent }] of sites.entries())
        if (from !== to) for (const change of sent.slice(site.seen[from])) site.receive(change)
    }
    const expected = sites[0]!.read(note)
    for (const site of sites) {
      expect([site.read(note), site.open(note).text.toString(), site.reports]).toEqual([expected, expected, []])
    }
    expect(sites[0]!.replayed(note)).toBe(expected)
    expect(concurrent).toBeGreaterThan(100)
    expect([most === txns.length ? endContent : expected]).toEqual([expected])
  },
)
