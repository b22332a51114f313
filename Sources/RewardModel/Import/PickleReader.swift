/// Reads the part of Python's pickle protocol 2 that `torch.save` writes, into plain values.
///
/// Nothing is ever called: the few globals a checkpoint of tensors needs are known by name and become values here;
/// any other is refused by name. Work and memory grow with the pickle's length alone.
struct PickleReader {
    /// Every value read; containers hold indices into it, so that sharing costs nothing and nesting no stack.
    private(set) var nodes: [PickleNode] = []
    private let bytes: UnsafeRawBufferPointer
    private let path: String
    private var position = 0
    private var stack: [Int] = []
    private var marks: [Int] = []
    private var memo: [UInt32: Int] = [:]

    /// - Parameter bytes: must stay valid while `read` runs.
    init(_ bytes: UnsafeRawBufferPointer, path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// Runs through the pickle: the index of its one value.
    ///
    /// - Throws: `ImportError.refusedGlobal`, `.malformed` or `.unsupported`.
    mutating func read() throws(ImportError) -> Int {
        while true {
            let opcode = try take(UInt8.self)
            if opcode == UInt8(ascii: ".") {
                guard stack.count == 1, marks.isEmpty else { throw malformed("it ends with \(stack.count) values") }
                return stack[0]
            }
            try run(opcode)
        }
    }

    private mutating func run(_ opcode: UInt8) throws(ImportError) {
        switch opcode {
        case 0x80:
            let version = try take(UInt8.self)
            guard version == 2 else {
                throw .unsupported(path: path, reason: "its pickle has protocol \(version); torch.save's 2 is read")
            }
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "N"): push(.none)
        case 0x88: push(.bool(true))
        case 0x89: push(.bool(false))
        case UInt8(ascii: "K"): push(.integer(Int(try take(UInt8.self))))
        case UInt8(ascii: "M"): push(.integer(Int(try take(UInt16.self))))
        case UInt8(ascii: "J"): push(.integer(Int(try take(Int32.self))))
        case 0x8a: push(.integer(try takeLong()))
        case UInt8(ascii: "G"): push(.double(Double(bitPattern: UInt64(bigEndian: try take(UInt64.self)))))
        case UInt8(ascii: "X"): push(.string(try takeString(Int(try take(UInt32.self)))))
        case UInt8(ascii: "c"): push(.global(try takeGlobal()))
        case UInt8(ascii: "]"): push(.list([]))
        case UInt8(ascii: "}"): push(.dictionary([]))
        case UInt8(ascii: ")"): push(.tuple([]))
        case UInt8(ascii: "t"): push(.tuple(try popToMark()))
        case 0x85, 0x86, 0x87: push(.tuple(try pop(Int(opcode) - 0x84)))
        case UInt8(ascii: "a"): try append(try pop(1))
        case UInt8(ascii: "e"): try append(try popToMark())
        case UInt8(ascii: "s"): try setItems(try pop(2))
        case UInt8(ascii: "u"): try setItems(try popToMark())
        case UInt8(ascii: "q"): memo[UInt32(try take(UInt8.self))] = try top()
        case UInt8(ascii: "r"): memo[try take(UInt32.self)] = try top()
        case UInt8(ascii: "h"): try recall(UInt32(try take(UInt8.self)))
        case UInt8(ascii: "j"): try recall(try take(UInt32.self))
        case UInt8(ascii: "Q"): push(.storage(try storage(try pop(1)[0])))
        case UInt8(ascii: "R"): try reduce()
        case UInt8(ascii: "b"):
            // Attributes of a dictionary (a state_dict's `_metadata`): nothing of ours.
            _ = try pop(1)
            guard case .dictionary = nodes[try top()] else { throw malformed("it sets attributes of a value") }
        default:
            throw .unsupported(
                path: path,
                reason: "its pickle has the opcode 0x\(String(opcode, radix: 16)), which torch.save does not write")
        }
    }

    // MARK: Bytes

    private mutating func take<T: FixedWidthInteger>(_ type: T.Type) throws(ImportError) -> T {
        guard let value = bytes.integer(at: position, as: T.self) else { throw malformed("its pickle is cut short") }
        position += MemoryLayout<T>.size
        return value
    }

    /// A little-endian two's-complement integer of a counted length.
    private mutating func takeLong() throws(ImportError) -> Int {
        let length = Int(try take(UInt8.self))
        guard length <= 8 else { throw malformed("it has an integer of \(length) bytes") }
        var value: UInt64 = 0
        var last: UInt8 = 0
        for index in 0..<length {
            last = try take(UInt8.self)
            value |= UInt64(last) << UInt64(8 * index)
        }
        if last & 0x80 != 0, length < 8 { value |= UInt64.max << UInt64(8 * length) }
        return Int(Int64(bitPattern: value))
    }

    private mutating func takeString(_ length: Int) throws(ImportError) -> String {
        guard length <= bytes.count - position else { throw malformed("its pickle is cut short") }
        defer { position += length }
        guard let text = String(validating: bytes[position..<position + length], as: UTF8.self) else {
            throw malformed("it has a text that is not UTF-8")
        }
        return text
    }

    /// Two lines: module and name.
    private mutating func takeGlobal() throws(ImportError) -> PickleGlobal {
        var lines: [String] = []
        for _ in 0..<2 {
            guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")), end - position <= 1000 else {
                throw malformed("it has a global without a name")
            }
            lines.append(try takeString(end - position))
            position += 1
        }
        let name = lines.joined(separator: ".")
        guard let global = PickleGlobal(name) else { throw .refusedGlobal(path: path, name: name) }
        return global
    }

    // MARK: Stack

    private mutating func push(_ node: PickleNode) {
        stack.append(nodes.count)
        nodes.append(node)
    }

    private func top() throws(ImportError) -> Int {
        guard let last = stack.last, stack.count > marks.last ?? 0 else {
            throw malformed("its pickle's stack is empty")
        }
        return last
    }

    private mutating func pop(_ count: Int) throws(ImportError) -> [Int] {
        guard stack.count - count >= marks.last ?? 0 else { throw malformed("its pickle's stack is empty") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws(ImportError) -> [Int] {
        guard let mark = marks.popLast() else { throw malformed("its pickle lacks a mark") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private mutating func recall(_ key: UInt32) throws(ImportError) {
        guard let index = memo[key] else { throw malformed("it recalls a value it never kept") }
        stack.append(index)
    }

    // MARK: Containers

    private mutating func append(_ values: [Int]) throws(ImportError) {
        let target = try top()
        guard case .list(var items) = nodes[target] else { throw malformed("it appends to what is no list") }
        nodes[target] = .none
        items += values
        nodes[target] = .list(items)
    }

    private mutating func setItems(_ values: [Int]) throws(ImportError) {
        let target = try top()
        guard case .dictionary(var pairs) = nodes[target], values.count % 2 == 0 else {
            throw malformed("it sets items of what is no dictionary")
        }
        nodes[target] = .none
        for index in stride(from: 0, to: values.count, by: 2) { pairs.append((values[index], values[index + 1])) }
        nodes[target] = .dictionary(pairs)
    }

    // MARK: Tensors

    private mutating func reduce() throws(ImportError) {
        let pair = try pop(2)
        guard case .global(let callee) = nodes[pair[0]], case .tuple(let arguments) = nodes[pair[1]] else {
            throw malformed("it calls what is no global")
        }
        switch callee {
        case .orderedDictionary where arguments.isEmpty: push(.dictionary([]))
        case .rebuildTensor: push(.tensor(try tensor(arguments)))
        case .rebuildParameter:
            guard arguments.count == 3, case .tensor = nodes[arguments[0]] else {
                throw malformed("it rebuilds a parameter of no tensor")
            }
            stack.append(arguments[0])
        default: throw malformed("it calls \(callee.name) with \(arguments.count) arguments")
        }
    }

    /// `("storage", type, key, device, element count)`.
    private func storage(_ index: Int) throws(ImportError) -> PickleStorage {
        guard case .tuple(let parts) = nodes[index], parts.count == 5,
            case .string("storage") = nodes[parts[0]], case .global(.storage(let type)) = nodes[parts[1]],
            case .string(let key) = nodes[parts[2]], case .integer(let count) = nodes[parts[4]], count >= 0
        else { throw malformed("it has a storage of another layout than torch.save's") }
        return PickleStorage(type: type, key: key, count: count)
    }

    /// `(storage, offset, sizes, strides, requires_grad, hooks)`.
    private func tensor(_ arguments: [Int]) throws(ImportError) -> PickleTensor {
        guard arguments.count >= 4, case .storage(let storage) = nodes[arguments[0]],
            case .integer(let offset) = nodes[arguments[1]], let shape = integers(arguments[2]),
            let strides = integers(arguments[3]), shape.count == strides.count, shape.count <= 8
        else { throw malformed("it rebuilds a tensor from other values than torch.save's") }
        return PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    private func integers(_ index: Int) -> [Int]? {
        guard case .tuple(let parts) = nodes[index] else { return nil }
        var values: [Int] = []
        for part in parts {
            guard case .integer(let value) = nodes[part] else { return nil }
            values.append(value)
        }
        return values
    }

    private func malformed(_ reason: String) -> ImportError { .malformed(path: path, reason: reason) }
}
