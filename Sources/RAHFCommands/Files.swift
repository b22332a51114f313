import Glibc
import RewardModel

func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}

func writeError(_ line: String, terminator: String = "\n") {
    let bytes = Array((line + terminator).utf8)
    _ = write(2, bytes, bytes.count)
}

/// A path's last part without its extension.
func stem(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
}
