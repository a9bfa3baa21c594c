import { expect, test } from 'vitest'
import { machineOf } from './disks.ts'

const entry = (text: string): Uint8Array => new TextEncoder().encode(text)

for (const seed of [1, 2, 3]) {
  test(`[ID4] [ID16] of the tabs of a browser one has the newest fence, and one each claim, whoever comes first (seed ${seed})`, async () => {
    const machine = machineOf(seed)
    const logs = await Promise.all([1, 2, 3].map(() => machine.until(machine.storage().openLog('board'))))
    const fences = await machine.until(Promise.all(logs.map((log) => log.takeFence())))
    expect(new Set(fences).size).toBe(3)
    const newest = Math.max(...fences)
    const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => 'stored',
        (error: { readonly code?: string }) => error.code,
      )
    const told = logs.map((log, i) => codeOf(log.append(entry(`fence ${fences[i]}`), { fence: fences[i]! })))
    expect(await machine.until(Promise.all(told))).toEqual(
      fences.map((fence) => (fence === newest ? 'stored' : 'fenced')),
    )
    const claimed = await machine.until(
      Promise.all(logs.map((log, i) => codeOf(log.append(entry(`claim of ${i}`), { claim: 1 })))),
    )
    expect(claimed.filter((told) => told === 'claimed')).toHaveLength(2)
    expect(claimed).toContain('stored')
    const read: string[] = []
    await machine.until(logs[0]!.read(0, (bytes) => void read.push(new TextDecoder().decode(bytes))))
    // What was refused is not there.
    expect(read).toEqual([`fence ${newest}`, `claim of ${claimed.indexOf('stored')}`])
    for (const log of logs) await machine.until(log.close())
  })
}
