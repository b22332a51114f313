/// The parsers of outside bytes, each as one function of bytes. What they must never do is stop the process: a typed
/// error is a good answer, and so is a value that keeps the parser's promises, which are checked.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// A message of several frames: headers, images, tensors, masks; as a request and as a reply.
    case wire
    /// The header frame alone, with two frames behind it.
    case header
    case image
    case safetensors
    /// An archive of `torch.save`, or (second byte onwards, when the first is 1) the pickle in a sound one.
    case torch
    /// A TFRecord file, or (second byte onwards, when the first is 1) the record in a sound one.
    case tfrecord
    /// Candidate lists, feedback and prompts as JSON lines.
    case list
    case npy

    /// Parses the bytes.
    package func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .wire: WireInputs.message(bytes)
        case .header: WireInputs.header(bytes)
        case .image: FileInputs.image(bytes)
        case .safetensors: FileInputs.safetensors(bytes)
        case .torch: FileInputs.torch(bytes)
        case .tfrecord: FileInputs.tfrecord(bytes)
        case .list: ListInputs.lines(bytes)
        case .npy: FileInputs.npy(bytes)
        }
    }
}

/// A promise of a parser that does not hold: for libFuzzer a crash like any other.
func require(_ holds: Bool, _ promise: StaticString) {
    precondition(holds, "\(promise)")
}
