import Glibc
import RewardModel

package func readFile(_ path: String) throws(TrainingError) -> [UInt8] {
    do { return try WholeFile.read(path) } catch { throw .file(error) }
}

/// Writes a whole file that is on disk when this returns; readers never see half of it.
package func writeFile(_ bytes: [UInt8], to path: String) throws(TrainingError) {
    do { try WholeFile.write(bytes, to: path, isDurable: true) } catch { throw .file(error) }
}

package func makeFolder(_ path: String) throws(TrainingError) {
    do { try makeFolders(path) } catch { throw .file(error) }
}

/// Removes a folder with what is in it, if it is there.
package func removeFolder(_ path: String) {
    if Folders.isFolder(path) { try? Folders.remove(path) }
}

package func systemError(_ path: String) -> TrainingError { .file(systemFailure(path)) }

/// Seconds of a clock that only goes forward.
package func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
