import Glibc
import RewardFuzzing

/// What libFuzzer calls. The environment's RAHF_FUZZ_TARGET names the parser.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ base: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target.run(UnsafeRawBufferPointer(start: base, count: count))
    return 0
}

private let target: FuzzTarget = {
    let name = getenv("RAHF_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        let line = Array("RAHF_FUZZ_TARGET is '\(name)'; it must be one of \(known)\n".utf8)
        _ = write(2, line, line.count)
        exit(2)
    }
    return target
}()
