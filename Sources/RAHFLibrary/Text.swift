import Glibc

/// A C string that lives as long as this object.
// Unchecked: nothing changes after init. The same holds for Numbers.
final class Text: @unchecked Sendable {
    let pointer: UnsafePointer<CChar>
    private let memory: UnsafeMutablePointer<CChar>

    init(_ text: String) {
        let bytes = Array(text.utf8CString)
        memory = .allocate(capacity: bytes.count)
        memory.initialize(from: bytes, count: bytes.count)
        pointer = UnsafePointer(memory)
    }

    deinit {
        memory.deallocate()
    }
}

/// Numbers at an address that stays the same as long as this object lives.
final class Numbers<Element: BitwiseCopyable>: @unchecked Sendable {
    let pointer: UnsafePointer<Element>
    let count: Int
    private let memory: UnsafeMutablePointer<Element>

    init(_ values: [Element]) {
        count = values.count
        memory = .allocate(capacity: max(count, 1))
        memory.initialize(from: values, count: count)
        pointer = UnsafePointer(memory)
    }

    deinit {
        memory.deallocate()
    }
}

/// C strings that live for ever.
enum StaticText {
    static var empty: UnsafePointer<CChar> { pointer("") }

    static func pointer(_ text: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
