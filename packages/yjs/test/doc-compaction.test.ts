import fc from 'fast-check'
import { expect, test } from 'vitest'
import { docPolicy } from '../src/doc.ts'
import type { DocValue } from '../src/doc-value.ts'
import type { LiveDoc } from '../src/live-doc.ts'
import { updatesSince } from '../src/state.ts'
import { act, DocSite, edit, page, perform } from './doc-world.ts'
import { UndoingDocumentSite } from './undoing.ts'

class UndoingDoc extends UndoingDocumentSite<DocValue, LiveDoc> {
  constructor() {
    super(docPolicy, page, 0, 2)
  }
}

const lying = (site: UndoingDoc | DocSite): number =>
  updatesSince(undefined, site.states.get(page.address)!.link)!.length

function runLater(site: UndoingDoc | DocSite): void {
  for (let work = site.laters.shift(); work !== undefined; work = site.laters.shift()) work()
}

/** The same acts in every run: as many as it takes until there are so many Changes. */
function write(site: UndoingDoc, changes: number, isDirect: boolean): void {
  const acts = fc.sample(act, { seed: 4711, numRuns: changes * 4 })
  for (const one of acts) {
    if (site.sent.length >= changes) return
    if (isDirect) {
      const { doc, roots } = site.policy.live(page.address)
      doc.transact(() => perform(roots, one))
      site.policy.flush()
    } else
      site.transact(
        page,
        edit((roots) => perform(roots, one)),
      )
  }
}

test('[TE17] the updates of a doc lie together as one, open or not, and reading, writing and undo go on as before', () => {
  for (const isOpen of [true, false]) {
    const [site, other] = [new UndoingDoc(), new DocSite(1, 2)]
    if (isOpen) site.open(page)
    write(site, 500, true)
    const old = site.states.get(page.address)!
    const oldValue = site.read(page)
    write(site, 530, true)
    expect(site.sent.length).toBe(530)
    for (const sent of site.sent) other.receive(sent)
    const before = site.read(page)
    if (!isOpen) site.reload()
    expect(lying(site)).toBe(530)
    runLater(site)
    if (!isOpen) {
      // The session before has put nothing together; the next write of this one does.
      site.transact(
        page,
        edit(({ array }) => array.push(['next'])),
      )
      for (const sent of site.sent.slice(530)) other.receive(sent)
      runLater(site)
    }
    expect([lying(site), site.reports]).toEqual([1, []])
    expect([site.read(page), site.replayed(page), site.policy.live(page.address).read()]).toEqual(
      Array(3).fill(isOpen ? before : other.read(page)),
    )
    old.value = undefined
    expect(site.policy.read(old, page)).toEqual(oldValue)

    // What was deleted before it was put together comes back from there.
    const steps = site.undos.length
    for (let i = 0; i < 12; i++) expect(site.undo()!.superseded).toEqual([])
    for (const sent of site.sent.slice(isOpen ? 530 : 531)) other.receive(sent)
    expect([other.read(page), site.replayed(page)]).toEqual([site.read(page), site.read(page)])
    while (site.redo() !== undefined) continue
    expect([site.read(page), site.undos.length <= steps]).toEqual([isOpen ? before : site.replayed(page), true])
    expect(site.reports).toEqual([])
  }
})
