// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardModel

// Words and notes of a result.

extension ItemAnswer {
    /// - Throws: `invalidRequest` when words were not asked for, or the index is out of range.
    func word(_ index: Int) throws(Failure) -> Word {
        guard hasWords else { throw notAsked("words") }
        guard words.indices.contains(index) else {
            throw Failure(
                .invalidRequest, "word \(UInt(bitPattern: index)) is out of range; the item has \(words.count)")
        }
        return words[index]
    }
}

@c @implementation
public func rahf_result_word_count(_ result: OpaquePointer!, _ item: Int) -> Int {
    ResultHandle.answerIfAny(result, item)?.words.count ?? 0
}

@c @implementation
public func rahf_result_word(
    _ result: OpaquePointer!, _ item: Int, _ index: Int, _ word: UnsafeMutablePointer<UnsafePointer<CChar>?>!,
    _ start: UnsafeMutablePointer<Int>!, _ end: UnsafeMutablePointer<Int>!, _ misaligned: UnsafeMutablePointer<Int32>!
) -> rahf_status {
    attempt { () throws(Failure) in
        let found = try ResultHandle.answer(result, item).word(index)
        word?.pointee = found.text.pointer
        start?.pointee = found.bytes.lowerBound
        end?.pointee = found.bytes.upperBound
        misaligned?.pointee = found.misaligned ? 1 : 0
    }
}

@c @implementation
public func rahf_result_word_code_points(
    _ result: OpaquePointer!, _ item: Int, _ index: Int, _ start: UnsafeMutablePointer<Int>!,
    _ end: UnsafeMutablePointer<Int>!
) -> rahf_status {
    attempt { () throws(Failure) in
        let found = try ResultHandle.answer(result, item).word(index)
        start?.pointee = found.codePoints.lowerBound
        end?.pointee = found.codePoints.upperBound
    }
}

@c @implementation
public func rahf_result_decoded_text(_ result: OpaquePointer!, _ item: Int) -> UnsafePointer<CChar>! {
    ResultHandle.answerIfAny(result, item)?.decodedText.pointer ?? StaticText.empty
}

@c @implementation
public func rahf_result_note_count(_ result: OpaquePointer!, _ item: Int) -> Int {
    ResultHandle.answerIfAny(result, item)?.notes.count ?? 0
}

@c @implementation
public func rahf_result_note(
    _ result: OpaquePointer!, _ item: Int, _ index: Int, _ kind: UnsafeMutablePointer<UnsafePointer<CChar>?>!,
    _ values: UnsafeMutablePointer<UnsafePointer<Double>?>!, _ value_count: UnsafeMutablePointer<Int>!
) -> rahf_status {
    attempt { () throws(Failure) in
        let notes = try ResultHandle.answer(result, item).notes
        guard notes.indices.contains(index) else {
            throw Failure(
                .invalidRequest, "note \(UInt(bitPattern: index)) is out of range; the item has \(notes.count)")
        }
        kind?.pointee = notes[index].kind.pointer
        values?.pointee = notes[index].values.pointer
        value_count?.pointee = notes[index].values.count
    }
}
