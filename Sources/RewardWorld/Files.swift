import Glibc
import RewardModel

/// A file of lines that appears under its name when it is whole.
final class LineFile {
    private let path: String
    private var file: UnsafeMutablePointer<FILE>?

    init(path: String) throws(Failure) {
        self.path = path
        file = fopen("\(path).partial", "wbe")
        if file == nil { throw systemFailure(path) }
    }

    deinit {
        if let file {
            fclose(file)
            unlink("\(path).partial")
        }
    }

    func write(_ line: [UInt8]) throws(Failure) {
        guard let file else { preconditionFailure("the file has been finished") }
        guard fwrite(line, 1, line.count, file) == line.count, fputc(0x0a, file) == 0x0a else {
            throw systemFailure(path)
        }
    }

    func finish() throws(Failure) {
        guard let file else { return }
        self.file = nil
        guard fclose(file) == 0, rename("\(path).partial", path) == 0 else {
            let failure = systemFailure(path)
            unlink("\(path).partial")
            throw failure
        }
    }
}

/// Writes a whole file; a data set without its lists is known to be unfinished, so no temporary name is needed.
func writeFile(_ bytes: [UInt8], to path: String) throws(Failure) {
    guard let file = fopen(path, "wbe") else { throw systemFailure(path) }
    let written = fwrite(bytes, 1, bytes.count, file) == bytes.count
    guard fclose(file) == 0, written else { throw systemFailure(path) }
}

private func systemFailure(_ path: String) -> Failure {
    Failure(.fileError, "\(path): \(String(cString: strerror(errno)))")
}
