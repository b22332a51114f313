import Glibc
package import RewardModel

/// A folder that appears whole or not at all: built beside its place under a name of its own, then renamed.
package final class OutputFolder {
    /// Where to build.
    let building: String
    /// For files that vanish at the end.
    let scratch: String
    private let path: String
    private let workspace: String
    private let lock: SystemFile
    /// True when the place holds what an earlier run finished: `publish` then only compares.
    let isFinished: Bool

    /// Claims a place. What an earlier run that was killed left there is removed.
    ///
    /// - Parameter mark: the file that only a finished output holds.
    /// - Throws: `Failure` when something else is there already, or another process is writing there.
    package init(path: String, mark: String) throws(Failure) {
        isFinished = Self.isFinished(path, mark: mark)
        if !isFinished { try Self.checkFree(path) }
        let (parent, name) = Folders.split(path)
        self.path = path
        guard Folders.kind(parent) == .folder else { throw Failure(.fileError, "\(parent): no such folder") }
        workspace = Folders.join(parent == "." ? "./" : parent, ".\(name).partial")
        if mkdir(workspace, 0o755) != 0, errno != EEXIST { throw systemFailure(workspace) }
        lock = try SystemFile(path: workspace, flags: O_RDONLY | O_DIRECTORY)
        guard flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure(.fileError, "\(path): another process is writing there")
        }
        for name in try Folders.names(workspace) { try Folders.remove("\(workspace)/\(name)") }
        building = "\(workspace)/out"
        scratch = "\(workspace)/scratch"
        try Folders.make(building)
        try Folders.make(scratch)
    }

    /// True when an earlier run has put its whole output at `path`.
    static func isFinished(_ path: String, mark: String) -> Bool { Folders.kind("\(path)/\(mark)") == .file }

    /// Throws unless nothing, or an empty folder, is at `path`.
    static func checkFree(_ path: String) throws(Failure) {
        switch Folders.kind(path) {
        case nil: break
        case .folder:
            let names = try Folders.names(path)
            guard names.isEmpty else {
                throw Failure(
                    .fileError, "\(path) is not empty (\(names.prefix(3).joined(separator: ", "))…); nothing was done")
            }
        case .file, .other: throw Failure(.fileError, "\(path) is not a folder; nothing was done")
        }
    }

    /// Puts what was built in its place. Where an earlier run has finished, its output must be the same, and stays.
    package func publish() throws(Failure) {
        if isFinished {
            if let name = try Folders.difference(building, path) {
                throw Failure(.fileError, "\(path) holds another selection (\(name) differs); it was left as it is")
            }
        } else {
            guard rename(building, path) == 0 else { throw systemFailure(path) }
        }
        try Folders.remove(workspace)
    }

    /// Removes what was built.
    package func discard() {
        try? Folders.remove(workspace)
    }
}
