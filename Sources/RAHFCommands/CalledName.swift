import Dispatch
import Glibc

/// Runs the command whose name the process was called by, or else `rahf`.
///
/// Installed, `select-finetune-data` and `make-inpaint-masks` are links to `rahf`, which has the Swift runtime inside: it
/// is there once.
public func runCalledName() {
    let name = CommandLine.arguments.first?.split(separator: "/").last
    switch name {
    case "select-finetune-data": runSelectFinetuneData()
    case "make-inpaint-masks":
        Task {
            await runMakeInpaintMasks()
            exit(EXIT_SUCCESS)
        }
        dispatchMain()
    default: runRAHF()
    }
}
