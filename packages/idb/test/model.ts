import type { Log, Storage } from '@syncline/store'
import fc from 'fast-check'

/** A log as the plain list that it is, and the counts of what was done to it. */
export interface Model {
  readonly entries: (readonly [position: number, byte: number, claim: number | undefined])[]
  fence: number
  claim: number | undefined
  appended: number
  fenced: number
  claimed: number
}

const appendStep = fc
  .record({
    tab: fc.nat(1),
    byte: fc.nat(255),
    behind: fc.constantFrom(undefined, undefined, 0, 1, 2),
    step: fc.constantFrom(undefined, undefined, 1, 1, 0, -1, -2, 2),
  })
  .map(({ tab, byte, behind, step }) => async (logs: Log[], model: Model): Promise<void> => {
    const fence = behind === undefined ? undefined : Math.max(0, model.fence - behind)
    const claim = step === undefined ? undefined : Math.max(1, (model.claim ?? 0) + step)
    const isOver = fence !== undefined && fence < model.fence
    const isClaimed = claim !== undefined && model.claim !== undefined && claim !== model.claim + 1
    const outcome = await logs[tab]!.append(Uint8Array.of(byte), { fence, claim }).catch((error: unknown) => error)
    if (isOver || isClaimed) {
      agree(codeOf(outcome), isOver ? 'fenced' : 'claimed', 'an append that is refused')
      if (isOver) model.fenced++
      else model.claimed++
      return
    }
    agree(Number(outcome) > (model.entries.at(-1)?.[0] ?? 0), true, 'an append')
    model.appended++
    model.claim = claim ?? model.claim
    model.entries.push([outcome as number, byte, claim])
  })

const fenceStep = fc.nat(1).map((tab) => async (logs: Log[], model: Model): Promise<void> => {
  const fence = await logs[tab]!.takeFence()
  agree(fence > model.fence, true, 'a fence')
  model.fence = fence
})

const readStep = fc
  .record({ tab: fc.nat(1), from: fc.nat(10) })
  .map(({ tab, from }) => async (logs: Log[], model: Model): Promise<void> => {
    const after = model.entries[from]?.[0] ?? 0
    const seen: (readonly [number, number, number | undefined])[] = []
    const last = await logs[tab]!.read(after, (entry, position, claim) => seen.push([position, entry[0]!, claim]))
    const expected = model.entries.filter(([position]) => position > after)
    agree(seen, expected, 'the entries read')
    agree(last, model.entries.at(-1)?.[0] ?? 0, 'the last position')
  })

const reopenStep = fc.nat(1).map((tab) => async (logs: Log[], _: Model, tabs: readonly Storage[]): Promise<void> => {
  await logs[tab]!.close()
  logs[tab] = await tabs[tab]!.openLog('space')
})

/** Something that one of two tabs does to the log, which must then agree with the model. */
export type Step = (logs: Log[], model: Model, tabs: readonly Storage[]) => Promise<void>

export const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: appendStep, weight: 4 },
  { arbitrary: fenceStep, weight: 1 },
  { arbitrary: readStep, weight: 2 },
  { arbitrary: reopenStep, weight: 1 },
)

function agree(actual: unknown, expected: unknown, what: string): void {
  const [told, known] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (told !== known) throw new Error(`The log and its model disagree on ${what}: ${told}, not ${known}.`)
}

function codeOf(outcome: unknown): unknown {
  return outcome instanceof Error && 'code' in outcome ? outcome.code : outcome
}
