import Glibc
import RewardModel

extension Folders {
    /// The first path, as seen from both folders, at which they differ: in names, kinds, contents or where links point.
    static func difference(_ first: String, _ second: String) throws(Failure) -> String? {
        let names = try (names(first), names(second))
        if let name = Set(names.0).symmetricDifference(names.1).min() { return name }
        for name in names.0 {
            let (here, there) = ("\(first)/\(name)", "\(second)/\(name)")
            var status = (stat(), stat())
            guard lstat(here, &status.0) == 0 else { throw systemFailure(here) }
            guard lstat(there, &status.1) == 0 else { throw systemFailure(there) }
            let kind = status.0.st_mode & S_IFMT
            guard kind == status.1.st_mode & S_IFMT else { return name }
            switch kind {
            case S_IFDIR:
                if let inner = try difference(here, there) { return "\(name)/\(inner)" }
            case S_IFLNK:
                guard try target(here) == target(there) else { return name }
            default:
                guard status.0.st_size == status.1.st_size, try sameContents(here, there) else { return name }
            }
        }
        return nil
    }

    private static func target(_ link: String) throws(Failure) -> [CChar] {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &target, target.count)
        guard count >= 0 else { throw systemFailure(link) }
        return Array(target[..<count])
    }

    private static func sameContents(_ first: String, _ second: String) throws(Failure) -> Bool {
        let files = try (SystemFile(path: first), SystemFile(path: second))
        let piece = 1 << 20
        var offset = 0
        while true {
            let bytes = try files.0.bytes(at: offset, count: piece)
            guard bytes == (try files.1.bytes(at: offset, count: piece)) else { return false }
            if bytes.count < piece { return true }
            offset += piece
        }
    }
}
