import { SynclineProvider } from '@syncline/react'
import type { Store } from '@syncline/store'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { ActionsProvider, createActions } from '../board/actions.ts'
import { Board } from '../board/Board.tsx'
import { CardPanel } from '../note/CardPanel.tsx'
import { fetchEditorEarly } from '../note/lazy-editor.ts'
import { NoticesProvider, useNotices } from '../parts/Notices.tsx'
import { People } from '../people/People.tsx'
import { readOwnPerson } from '../people/person.ts'
import { Banners } from '../saving/Banners.tsx'
import { ReloadProvider, useReload } from '../saving/Reload.tsx'
import { LinkSwitch, Saving } from '../saving/Saving.tsx'
import { keepOnDevice } from './service-worker.ts'
import { Shortcuts } from './Shortcuts.tsx'
import { Undo } from './Undo.tsx'

/** The app on an open store. */
export function App({ store }: { readonly store: Store }) {
  return (
    <SynclineProvider store={store}>
      <NoticesProvider>
        <ReloadProvider>
          <Page store={store} />
        </ReloadProvider>
      </NoticesProvider>
    </SynclineProvider>
  )
}

function Page({ store }: { readonly store: Store }) {
  const notices = useNotices()
  const [own, setOwn] = useState(readOwnPerson)
  const [openCard, setOpenCard] = useState<string>()
  const actions = useMemo(() => createActions(store, notices, setOpenCard), [store, notices])
  const { notify } = notices
  const reload = useReload()

  useEffect(() => store.presence.set({ user: own }), [store, own])
  useEffect(() => store.presence.set({ card: openCard ?? null }), [store, openCard])
  useEffect(fetchEditorEarly, [])
  const offerUpdate = useCallback(
    (update: { apply(): void }) =>
      notify({
        text: 'A new version is ready.',
        action: { label: 'Reload', run: () => reload(update.apply) },
        lasting: true,
      }),
    [notify, reload],
  )
  useEffect(() => keepOnDevice(offerUpdate), [offerUpdate])

  return (
    <ActionsProvider value={actions}>
      <div className="flex h-full flex-col pt-[env(safe-area-inset-top)]">
        <header className="flex h-14 shrink-0 items-center gap-2 px-4 sm:gap-3">
          <img src="/icon.svg" alt="" className="size-6" />
          <h1 className="mr-auto truncate text-[15px] font-semibold">{store.space}</h1>
          <Undo />
          <Shortcuts />
          <Saving />
          <LinkSwitch />
          <People own={own} onRename={setOwn} onOpenCard={setOpenCard} />
        </header>
        <Banners />
        <div className="flex min-h-0 flex-1">
          <main className="min-w-0 flex-1">
            <Board openCard={openCard} />
          </main>
          {openCard !== undefined && <CardPanel id={openCard} />}
        </div>
      </div>
    </ActionsProvider>
  )
}
