/// A value of a pickle. Containers hold indices into the reader's nodes.
enum PickleNode {
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
    case list([Int])
    case tuple([Int])
    case dictionary([(key: Int, value: Int)])
    case global(PickleGlobal)
    case storage(PickleStorage)
    case tensor(PickleTensor)
}

/// The globals that a file of tensors may name.
enum PickleGlobal: Equatable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    /// A type of storage, by the name safetensors gives its elements, or its own where elements have no type.
    case storage(String)

    init?(_ name: String) {
        switch name {
        case "collections.OrderedDict": self = .orderedDictionary
        case "torch._utils._rebuild_tensor_v2": self = .rebuildTensor
        case "torch._utils._rebuild_parameter": self = .rebuildParameter
        case "torch.storage.UntypedStorage", "torch.UntypedStorage": self = .storage("untyped")
        default:
            guard let type = Self.storages[name] else { return nil }
            self = .storage(type)
        }
    }

    var name: String {
        switch self {
        case .orderedDictionary: "OrderedDict"
        case .rebuildTensor: "_rebuild_tensor_v2"
        case .rebuildParameter: "_rebuild_parameter"
        case .storage(let type): "a storage of \(type)"
        }
    }

    private static let storages = [
        "torch.FloatStorage": "F32", "torch.HalfStorage": "F16", "torch.BFloat16Storage": "BF16",
        "torch.DoubleStorage": "F64", "torch.LongStorage": "I64", "torch.IntStorage": "I32",
        "torch.ShortStorage": "I16", "torch.CharStorage": "I8", "torch.ByteStorage": "U8", "torch.BoolStorage": "BOOL",
    ]
}

/// A run of elements that tensors look into.
struct PickleStorage: Equatable {
    /// As in `PickleGlobal.storage`.
    var type: String
    /// Name of the archive's entry, without its folder.
    var key: String
    /// Elements.
    var count: Int
}

/// A view of a storage: `offset` and `strides` in elements. Not yet checked against the storage.
struct PickleTensor: Equatable {
    var storage: PickleStorage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}
