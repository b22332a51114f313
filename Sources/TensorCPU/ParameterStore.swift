import Synchronization
import TensorGraph

/// Weights as the kernels want them: packed once per orientation, shared by all programs of an engine.
///
/// A program asks for all its weights, which gives them their memory, and then has them filled together: every thread
/// reads, checks and packs pieces of them, each page of the source once.
final class ParameterStore {
    /// A weight row by row, or packed.
    private struct Key: Hashable {
        var name: String
        var packing: Packing?
        var precision: Precision
    }

    /// One form of one weight.
    private final class Form {
        let name: String
        let view: ParameterView
        let packing: WeightPacking?
        let target: UnsafeMutablePointer<Float>
        var isFilled = false
        var isWanted = false

        init(_ name: String, _ view: ParameterView, _ packing: WeightPacking?, _ target: UnsafeMutablePointer<Float>) {
            (self.name, self.view, self.packing, self.target) = (name, view, packing, target)
        }
    }

    private let source: any ParameterSource
    private let pool: ThreadPool
    private var memory = GrowingMemory()
    private var forms: [Key: Form] = [:]
    /// Asked for and not yet filled, in the order they were asked for.
    private var wanted: [Form] = []
    /// Whether pages of the source may be resident.
    private var isReleased = true
    /// Bytes of the source that are read between two releases: a file and its packed copy would else be resident together.
    private static let mostUnreleased = 64 << 20

    init(source: any ParameterSource, pool: ThreadPool) {
        self.source = source
        self.pool = pool
    }

    /// The weight as float32, row by row, once `fill` has returned.
    func floats(_ name: String, _ shape: Shape) throws(EngineError) -> UnsafeMutablePointer<Float> {
        try form(Key(name: name, packing: nil, precision: .float32), shape)
    }

    /// The weight packed for a product, once `fill` has returned. Only linear packings know other precisions than float32.
    func packed(
        _ name: String, _ shape: Shape, _ packing: Packing, _ precision: Precision = .float32
    ) throws(EngineError) -> UnsafeMutablePointer<Float> {
        try form(Key(name: name, packing: packing, precision: precision), shape)
    }

    private func form(_ key: Key, _ shape: Shape) throws(EngineError) -> UnsafeMutablePointer<Float> {
        let form: Form
        if let known = forms[key] {
            form = known
        } else {
            guard let view = source.parameter(named: key.name) else { throw .missingParameter(key.name) }
            guard view.shape == shape else {
                throw .misshapenParameter(key.name, expected: shape, actual: view.shape)
            }
            let packing = key.packing.map { WeightPacking(shape, $0, key.precision) }
            form = Form(key.name, view, packing, memory.take(packing?.count ?? shape.count))
            forms[key] = form
        }
        if !form.isFilled, !form.isWanted {
            form.isWanted = true
            wanted.append(form)
        }
        return form.target
    }

    // MARK: Filling

    /// Fills all that was asked for.
    ///
    /// - Throws: `EngineError.nonFiniteParameter`, naming the first that holds a NaN or an infinity.
    func fill() throws(EngineError) {
        var rest = wanted[...]
        while let first = rest.first {
            var (count, bytes) = (1, first.view.bytes.count)
            for form in rest.dropFirst() {
                bytes += form.view.bytes.count
                if bytes > Self.mostUnreleased { break }
                count += 1
            }
            let part = Array(rest.prefix(count))
            if let bad = fill(part) { throw .nonFiniteParameter(part[bad].name) }
            for form in part { (form.isFilled, form.isWanted) = (true, false) }
            rest = rest.dropFirst(count)
            wanted = Array(rest)
        }
    }

    /// Forgets what was asked for and not filled: a program that cannot be made must not cost another one that can.
    func discard() {
        for form in wanted { form.isWanted = false }
        wanted = []
    }

    /// Lets the operating system drop the file's pages, once a program is complete.
    func releasePages() {
        if !isReleased { source.releasePages() }
        isReleased = true
    }

    /// Elements that one piece of work converts.
    private static let piece = 1 << 18

    /// The place of the first with a value that is not finite, or nil when all are filled.
    private func fill(_ part: [Form]) -> Int? {
        let bad = FirstOf()
        // What kernels cannot read as it lies becomes float32, a weight to be packed in memory of its own.
        var converted: [FloatBuffer?] = []
        var conversions: [(form: Int, target: UnsafeMutablePointer<Float>, elements: Range<Int>)] = []
        var packings: [(form: Int, panels: Range<Int>)] = []
        for (index, form) in part.enumerated() {
            let isReadable = form.packing != nil && form.view.floats != nil
            let buffer = form.packing != nil && !isReadable ? FloatBuffer(count: form.view.shape.count) : nil
            converted.append(buffer)
            if !isReadable {
                let count = form.view.shape.count
                for start in stride(from: 0, to: count, by: Self.piece) {
                    conversions.append(
                        (index, buffer?.pointer ?? form.target, start..<min(start + Self.piece, count)))
                }
            }
            if let packing = form.packing {
                packings += packing.pieces.map { (index, $0) }
            }
        }
        parallel(conversions.count) { piece in
            let (index, target, elements) = conversions[piece]
            if !part[index].view.convert(elements, to: target) { bad.note(index) }
        }
        parallel(packings.count) { piece in
            let (index, panels) = packings[piece]
            guard let packing = part[index].packing else { return }
            if let copy = converted[index] {
                packing.pack(copy.pointer, into: part[index].target, panels)
            } else if let floats = part[index].view.floats {
                // Checked just before it is packed, so that the values come from memory once.
                if !packing.isFinite(floats, panels) { bad.note(index) }
                packing.pack(floats, into: part[index].target, panels)
            }
        }
        return bad.index
    }

    /// Pieces of work, before which one of the threads lets go of the pages read until now.
    private func parallel(_ count: Int, _ body: (Int) -> Void) {
        if count == 0 { return }
        let (source, isReleased) = (source, isReleased)
        pool.parallel(count + 1) { piece, _ in
            if piece > 0 { body(piece - 1) } else if !isReleased { source.releasePages() }
        }
        self.isReleased = false
    }
}

/// The lowest of the numbers that threads note.
private final class FirstOf: Sendable {
    private let lowest = Atomic<Int>(.max)

    func note(_ index: Int) { lowest.min(index, ordering: .relaxed) }

    var index: Int? {
        let found = lowest.load(ordering: .relaxed)
        return found == .max ? nil : found
    }
}
