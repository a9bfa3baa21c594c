import { readTrace, replayObviously, type Stretch, stretches } from './support/editing-trace.ts'
import { expect, type LabPage, test } from './support/lab.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

/** How much is replayed, how often the link is cut meanwhile, and how long that may take. */
const { count, cuts, timeoutMs } = isLong
  ? { count: Infinity, cuts: 40, timeoutMs: 900_000 }
  : { count: 1_200, cuts: 3, timeoutMs: 60_000 }

test('two people type what two people once typed, and end with the same text', async ({ openLab, relay }) => {
  test.setTimeout(timeoutMs)
  const whole = await readTrace('friendsforever')
  const trace = { ...whole, txns: whole.txns.slice(0, count) }
  const { text: expected, ties } = replayObviously(trace)
  if (isLong) expect(expected).toBe(whole.endContent)
  else expect(ties).toBe(0)

  const authors = [await openLab(), await openLab()]
  const plan = stretches(trace)
  const cutsDone = await type(authors, plan, placesToCut(plan, cuts))
  expect(cutsDone).toBe(cuts)

  for (const author of authors) author.wire.release(Infinity)
  const total = trace.txns.length
  for (const { page } of authors) {
    await page.evaluate(async (all) => {
      await lab.until(() => lab.store.snapshot.basis.relaySeq === all)
      await lab.store.synced()
      await lab.store.durable()
    }, total)
    expect(await page.evaluate(() => lab.store.get(lab.note))).toBe(expected)
  }
  const [first, second] = authors.map(({ wire }) => wire.counts)
  expect(first!.changesDown + second!.changesDown).toBe(total)
  expect(first!.held + second!.held).toBeGreaterThan(plan.length / 10)
  expect(first!.connections + second!.connections).toBe(2 + cuts)

  await relay.stop('SIGKILL')
  try {
    for (const author of authors) {
      await author.reload()
      expect(await author.page.evaluate(() => lab.store.get(lab.note))).toBe(expected)
      expect(await author.page.evaluate(() => lab.store.status.pending)).toBe(0)
    }
  } finally {
    await relay.start()
  }
})

/**
 * Lets the authors type, each stretch on exactly what its author had seen: the wires release no more, and a page types when all of
 * it is there. In the middle of each stretch of `cutAt` its author's link is cut, and mended when somebody needs the other
 * side. Returns how often that was.
 */
async function type(
  authors: readonly LabPage[],
  plan: readonly Stretch[],
  cutAt: ReadonlySet<Stretch>,
): Promise<number> {
  for (const { wire } of authors) wire.release(0)
  const typing = authors.map(() => Promise.resolve())
  let broken: Break | undefined
  let cutsDone = 0

  async function mend({ author }: Break): Promise<void> {
    author.wire.mend()
    await author.page.evaluate(() => lab.networkIsBack())
    broken = undefined
  }

  for (const stretch of plan) {
    const author = authors[stretch.agent]!
    if (broken !== undefined && crosses(stretch, broken)) await mend(broken)
    if (broken === undefined && cutAt.has(stretch)) {
      // What is under way must not depend on when the cut falls.
      await Promise.all(typing)
      const half = stretch.edits.length >> 1
      await typeStretch(author, stretch.needs, stretch.edits.slice(0, half))
      const sent = stretch.first - 1 + half
      await author.wire.stored(sent)
      author.wire.cut()
      await author.page.evaluate(() => lab.until(() => lab.store.status.link !== 'online'))
      broken = { author, stretch, sent }
      cutsDone++
      await typeStretch(author, stretch.needs, stretch.edits.slice(half))
      expect(await author.page.evaluate(() => lab.store.status.pending)).toBeGreaterThanOrEqual(
        stretch.edits.length - half,
      )
      continue
    }
    const turn = typing[stretch.agent]!.then(() => typeStretch(author, stretch.needs, stretch.edits))
    typing[stretch.agent] = turn
    // While the link is broken one thing happens after the other, so that every run is the same.
    if (broken !== undefined) await turn
  }
  if (broken !== undefined) await mend(broken)
  await Promise.all(typing)
  return cutsDone
}

async function typeStretch({ page, wire }: LabPage, needs: number, edits: Stretch['edits']): Promise<void> {
  wire.release(needs)
  const relaySeq = needs === 0 ? 0 : await wire.released(needs)
  await page.evaluate(
    async (task) => {
      const { store, note } = lab
      await lab.until(() => store.snapshot.basis.relaySeq >= task.relaySeq)
      for (const patches of task.edits) {
        const { change } = store.transact((tx) => {
          for (const [position, deleted, inserted] of patches) {
            if (deleted > 0) tx.remove(note, position, deleted)
            if (inserted !== '') tx.insert(note, position, inserted)
          }
        })
        if (change === undefined) throw new Error('A traced transaction changed nothing.')
      }
    },
    { relaySeq, edits },
  )
}

/** A link that is cut. */
interface Break {
  readonly author: LabPage
  readonly stretch: Stretch
  /** How many transactions of its author the relay has. */
  readonly sent: number
}

/** Whether a stretch cannot be typed before the link is mended. */
function crosses({ agent, needs }: Stretch, { stretch, sent }: Pick<Break, 'stretch' | 'sent'>): boolean {
  return agent === stretch.agent ? needs > stretch.needs : needs > sent
}

/** Stretches, evenly spread, in the middle of which both authors go on without each other for a while. */
function placesToCut(plan: readonly Stretch[], wanted: number): ReadonlySet<Stretch> {
  const fit = plan.filter((stretch, i) => {
    const half = stretch.edits.length >> 1
    const cut = { stretch, sent: stretch.first - 1 + half }
    const end = plan.findIndex((later, at) => at > i && crosses(later, cut))
    const others = plan.slice(i + 1, end === -1 ? plan.length : end).filter(({ agent }) => agent !== stretch.agent)
    return half >= 3 && others.reduce((sum, { edits }) => sum + edits.length, 0) >= 3
  })
  // The middle of each of `wanted` equal parts.
  const chosen = Array.from({ length: wanted }, (_, i) => fit[Math.floor(((i + 0.5) * fit.length) / wanted)]!)
  return new Set(chosen)
}
