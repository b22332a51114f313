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
