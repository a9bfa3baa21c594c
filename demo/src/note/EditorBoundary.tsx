import { RefreshCw } from 'lucide-react'
import { Component, type ReactNode } from 'react'
import { Button } from '../parts/Button.tsx'
import { Details } from '../parts/Details.tsx'
import { useReload } from '../saving/Reload.tsx'

/** Stands in for an editor whose code cannot be fetched: there is no network, or the build it belongs to is gone. */
export class EditorBoundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override readonly state = { error: undefined }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  override render() {
    return this.state.error === undefined ? this.props.children : <EditorMissing error={this.state.error} />
  }
}

function EditorMissing({ error }: { readonly error: unknown }) {
  const reload = useReload()
  return (
    <div role="alert" className="m-5 rounded-xl bg-warn-soft p-4 text-[13px]">
      <p className="font-medium">The editor could not be loaded.</p>
      <p className="mt-1 text-ink-2">
        The network may be away, or a newer version of this app was installed. The note is safe; reload the page to open
        it.
      </p>
      <Details>{String(error)}</Details>
      <Button className="mt-3" onClick={() => reload()}>
        <RefreshCw className="size-3.5" aria-hidden /> Reload
      </Button>
    </div>
  )
}
